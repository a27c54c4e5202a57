"""A GPU that is lost in a running server-agent, and comes back: NVML's C interface below, the health service above."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from joulecut_proto.channels import open_channel
from joulecut_proto.health_watch import INFERENCE_SERVICE
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_server import agent as server_agent
from joulecut_server.reporting.device_watch import DeviceWatch
from joulecut_server.serving.options import ServingOptions
from tests.fakes.nvml import COMPILER, NO_COMPILER, FakeNvml, loaded
from tests.integration.site import WAIT_S, Site
from tests.integration.talking import talk

LOOK_EVERY_S = 0.02
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def until_health(server: str, status: int) -> int:
    """Wait until the Inference service's health is `status`; the health of the agent as a whole at that time."""
    async with open_channel(server, security=None) as channel:
        stub = cast(Any, health_pb2_grpc.HealthStub(channel))
        while True:
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=INFERENCE_SERVICE))
            if reply.status == status:
                return int((await stub.Check(health_pb2.HealthCheckRequest())).status)
            await asyncio.sleep(0.01)


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
@pytest.mark.parametrize("scheduled", [False, True])
def test_a_gpu_is_lost_and_comes_back(site: Site, monkeypatch: pytest.MonkeyPatch, *, scheduled: bool) -> None:
    """While it is lost edges are told to go elsewhere and requests fail at once; then they are served as before.

    The agent lives through both, in either way of running requests, and leaves the clocks as they were.
    """
    monkeypatch.setattr(server_agent, "DeviceWatch", partial(DeviceWatch, every_s=LOOK_EVERY_S))
    fake = FakeNvml(site.own, ["v100"])
    serving = ServingOptions(policy="fixed", slo_s=WAIT_S) if scheduled else None
    config = replace(site.server(), device="nvml", serving=serving)

    async def test() -> None:
        async with server_agent.serving(config) as server, talk(server) as (edge, _):
            await edge.send("before")
            assert (await edge.reply()).header.status is ReplyStatus.OK
            fake.gpu.lose()
            assert await until_health(server, NOT_SERVING) == SERVING
            await edge.send("meanwhile")
            assert (await edge.reply()).header.status is ReplyStatus.FAILED
            fake.gpu.revive()
            await until_health(server, SERVING)
            await edge.send("meanwhile", attempt=1)
            assert (await edge.reply()).header.status is ReplyStatus.OK
        assert fake.gpu.is_untouched

    with loaded(fake):
        asyncio.run(asyncio.wait_for(test(), 3 * WAIT_S))
