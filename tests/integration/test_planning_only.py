"""A server-agent that runs no network: it plans for whoever asks, and has nothing for edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import grpc.aio
import pytest

from joulecut_core.errors import ContractError
from joulecut_planner import solve
from joulecut_proto.channels import EDGES_LIMIT_BYTES, open_channel
from joulecut_proto.clients import AgentClient, PlannerClient
from joulecut_proto.v1 import planning_pb2, planning_pb2_grpc
from joulecut_server import agent as server_agent
from joulecut_server.config import ServerConfig
from tests.integration.planning_site import SMALL, run, timeless
from tests.integration.site import WAIT_S, Site


def test_it_plans_and_has_no_network(tmp_path: Path) -> None:
    """The library's plan over gRPC; an edge's network is not served, by a line that says so."""
    config = ServerConfig(device="emulated:t4", planning_only=True, state=str(tmp_path))

    async def test() -> None:
        async with server_agent.serving(config) as address, open_channel(address, security=None) as channel:
            assert timeless(await PlannerClient(channel, peer="gpu").plan(SMALL, timeout_s=WAIT_S)) == timeless(
                solve(SMALL)
            )
            with pytest.raises(
                ContractError, match="is not served here; expected one of: none, this server only plans"
            ):
                await AgentClient(channel, peer="gpu").profile("sha256:" + 64 * "0", timeout_s=WAIT_S)

    run(test())


def test_a_server_of_edges_takes_smaller_messages(site: Site, tmp_path: Path) -> None:
    """Half of one can be left on every stream; who only plans has no streams, and fleets to plan."""
    request = planning_pb2.PlanRequest(problem=planning_pb2.Problem(schema="x" * EDGES_LIMIT_BYTES))
    planning_only = ServerConfig(device="emulated:t4", planning_only=True, state=str(tmp_path))

    async def answer(config: ServerConfig) -> grpc.aio.AioRpcError:
        async with server_agent.serving(config) as address, open_channel(address, security=None) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await cast(Any, planning_pb2_grpc.PlannerStub)(channel).Plan(request, timeout=WAIT_S)
            return refused.value

    async def test() -> None:
        assert f"larger than max ({len(request.SerializeToString())} vs. {EDGES_LIMIT_BYTES})" in str(
            await answer(site.server())
        )
        assert "link: missing" in str(await answer(planning_only))

    run(test())
