"""Bytes that are no message of a call."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from joulecut_proto.servicers import add_agent, add_planner
from tests.proto.fake_services import FakeAgent, FakePlanner, FakeSolver
from tests.proto.serving import TIMEOUT_S, serving


@pytest.mark.parametrize("call", ["Agent/Hello", "Agent/Echo", "Agent/GetBundle", "Planner/Activate"])
def test_what_is_no_message_is_refused(call: str, caplog: pytest.LogCaptureFixture) -> None:
    """With a status that says which, and a line in the log, not the traceback of gRPC's reading for each."""

    async def talk() -> None:
        def add(server: grpc.aio.Server) -> None:
            add_agent(server, FakeAgent(), guards=None)
            add_planner(server, FakePlanner(), FakeSolver(), guards=None)

        async with serving(add) as channel:
            async for _ in cast(Any, channel).unary_stream(f"/joulecut.v1.{call}")(b"\xff\xff", timeout=TIMEOUT_S):
                pass

    with pytest.raises(grpc.aio.AioRpcError, match=r"2 bytes that are no \w+Request") as refused:
        asyncio.run(talk())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    # asyncio may tell of an earlier test's loop meanwhile.
    assert not [record for record in caplog.records if record.exc_info and record.name != "asyncio"]
