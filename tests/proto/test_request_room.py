"""How many requests one application may have under way at an edge-agent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.call_room import CallRoom
from joulecut_proto.clients import LocalClient
from joulecut_proto.local_messages import InferReply, InferRequest
from joulecut_proto.servicers import add_local
from joulecut_proto.services import LocalService
from joulecut_proto.v1 import local_pb2, local_pb2_grpc
from tests.proto.serving import TIMEOUT_S, serving
from tests.proto.test_convert_inference import LEDGER


class _SlowLocal:
    """Answers the first request when it may, and the others at once."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.told: list[float | None] = []

    async def infer(self, request: InferRequest, *, caller_s: float | None = None) -> InferReply:
        self.told.append(caller_s)
        if not self.asked.is_set():
            self.asked.set()
            await self.may_answer.wait()
        return InferReply(tensors=request.tensors, ledger=LEDGER)


def test_an_application_has_so_many_requests_under_way(tmp_path: Path) -> None:
    """One that has as many as it may is refused, by its name; others are answered."""

    async def talk() -> None:
        local, room = _SlowLocal(), CallRoom("requests", each=1, total=2)
        service, address = cast(LocalService, local), f"unix:{tmp_path / 'edge.sock'}"
        async with serving(lambda server: add_local(server, service, room), address=address) as channel:
            client = LocalClient(channel, peer="edge-agent")

            async def ask(application: str) -> None:
                request = InferRequest(request_id="1", tensors=(), application=application)
                await client.infer(request, timeout_s=TIMEOUT_S)

            first = asyncio.create_task(ask("cam"))
            await local.asked.wait()
            with pytest.raises(CallRefusedError, match="1 requests of one caller are under way"):
                await ask("cam")
            await ask("lidar")
            local.may_answer.set()
            await first

    asyncio.run(talk())


def test_an_edge_hears_how_long_its_caller_waits(tmp_path: Path) -> None:
    """gRPC's deadline of the call, in seconds from now; nothing where there is none."""
    local, address = _SlowLocal(), f"unix:{tmp_path / 'edge.sock'}"
    local.may_answer.set()

    async def talk() -> None:
        async with serving(
            lambda server: add_local(server, cast(LocalService, local), room=None), address=address
        ) as channel:
            request = InferRequest(request_id="1", tensors=())
            await LocalClient(channel, peer="edge-agent").infer(request, timeout_s=TIMEOUT_S)
            await cast(Any, local_pb2_grpc.LocalStub)(channel).Infer(local_pb2.InferRequest(request_id="2"))

    asyncio.run(talk())
    # gRPC rounds it up, by a hundredth at most.
    assert 0.0 < (local.told[0] or 0.0) <= 1.01 * TIMEOUT_S
    assert local.told[1:] == [None]
