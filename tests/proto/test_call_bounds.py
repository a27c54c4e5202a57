"""What one caller can make a server do with single calls: large ones, many at a time, ones that never end."""

from __future__ import annotations

import asyncio
import math
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from joulecut_core.energy import EnergyReading
from joulecut_core.errors import ContractError, JoulecutError, ProblemError
from joulecut_proto import answering, servicers
from joulecut_proto.agent_messages import BundleChunk, Echo, EchoReply
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient, PlannerClient
from joulecut_proto.planning_refusals import PlannerBusyError
from joulecut_proto.servicers import add_agent, add_planner
from joulecut_proto.status import error_from_rpc
from joulecut_proto.v1 import agent_pb2, agent_pb2_grpc, planning_pb2
from tests.proto.fake_services import FakeAgent, FakePlanner, FakeSolver
from tests.proto.serving import TIMEOUT_S, listening, serving


@pytest.mark.parametrize(("up_bytes", "down_bytes"), [((8 << 20) + 1, 0), (0, (8 << 20) + 1)])
def test_an_echo_is_no_larger_than_a_probe_needs(up_bytes: int, down_bytes: int) -> None:
    """Either way: many of them unread would take the server's memory."""

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, FakeAgent(), guards=None)) as channel:
            echo = Echo(payload=bytes(up_bytes), reply_bytes=down_bytes)
            await AgentClient(channel, peer="gpu").echo(echo, timeout_s=TIMEOUT_S)

    with pytest.raises(ContractError, match="8388609 bytes; expected at most 8388608"):
        asyncio.run(talk())


@pytest.mark.parametrize("call", ["Agent/Hello", "Agent/GetBundle", "Planner/Activate"])
def test_a_request_that_is_small_by_nature(call: str) -> None:
    """It is refused by its size before it is read: what an edge holds of a bundle may have millions of names."""
    held = agent_pb2.GetBundleRequest(held_bytes={f"{number:07}": 1 for number in range(6_000)})
    asked: list[str] = []

    class Asked(FakeAgent):
        async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
            asked.append(network_digest)
            async for chunk in super().bundle(network_digest, held_bytes):
                yield chunk

    async def talk() -> None:
        def add(server: grpc.aio.Server) -> None:
            add_agent(server, Asked(), guards=None)
            add_planner(server, FakePlanner(), FakeSolver(), guards=None)

        async with serving(add) as channel:
            content = held.SerializeToString()
            async for _ in cast(Any, channel).unary_stream(f"/joulecut.v1.{call}")(content, timeout=TIMEOUT_S):
                pass

    with pytest.raises(grpc.aio.AioRpcError, match=r"\w+Request: \d+ bytes; expected at most 65536") as refused:
        asyncio.run(talk())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not asked


class _SlowAgent(FakeAgent):
    """Echoes, bundles and meter readings go on for as long as a test wants; `busy` counts those under way."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = asyncio.Semaphore(0)
        self.may_end = asyncio.Event()

    async def echo(self, echo: Echo) -> EchoReply:
        self.busy.release()
        await self.may_end.wait()
        return await super().echo(echo)

    async def read_meter(self, not_before_s: float | None) -> EnergyReading:
        self.busy.release()
        await self.may_end.wait()
        return await super().read_meter(not_before_s)

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        self.busy.release()
        await self.may_end.wait()
        async for chunk in super().bundle(network_digest, held_bytes):
            yield chunk


@pytest.mark.parametrize(("kind", "most"), [("echoes", 4), ("bundles", 2), ("meter readings", 8)])
def test_one_caller_has_few_large_or_long_calls_under_way(kind: str, most: int) -> None:
    """One more is refused as long as the others last, a second connection is not, and then there is room again."""

    async def talk() -> None:
        agent = _SlowAgent()

        async def ask(channel: grpc.aio.Channel) -> object:
            client = AgentClient(channel, peer="gpu")
            if kind == "echoes":
                return await client.echo(Echo(payload=b"", reply_bytes=1), timeout_s=TIMEOUT_S)
            if kind == "meter readings":
                return await client.read_meter(timeout_s=TIMEOUT_S)
            return [chunk async for chunk in client.bundle("sha256:00", timeout_s=TIMEOUT_S)]

        async with (
            listening(lambda server: add_agent(server, agent, guards=None)) as target,
            open_channel(target, security=None) as channel,
            open_channel(target, security=None) as other,
        ):
            asked = [asyncio.create_task(ask(channel)) for _ in range(most)]
            for _ in asked:
                await agent.busy.acquire()
            with pytest.raises(CallRefusedError, match=f"{most} {kind} of one caller are under way"):
                await ask(channel)
            asked.append(asyncio.create_task(ask(other)))
            await agent.busy.acquire()
            agent.may_end.set()
            await asyncio.gather(*asked)
            await ask(channel)

    asyncio.run(talk())


class _LongAgent(FakeAgent):
    """A bundle of large chunks without end, and one of small chunks that ends once two of the others have."""

    def __init__(self) -> None:
        super().__init__()
        self.large_ended = 0

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        del held_bytes
        is_large = network_digest == "sha256:large"
        data = bytes(1 << 20 if is_large else 1 << 10)
        try:
            while is_large or self.large_ended < 2:
                yield BundleChunk(file="weights", offset=0, data=data, total_bytes=1 << 60)
        finally:
            self.large_ended += is_large


def test_who_does_not_read_a_bundle_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told why, in a line of the log too, and keeps its own places until it has read that; who reads is not."""
    monkeypatch.setattr(servicers, "_UNREAD_S", 0.5)
    monkeypatch.setattr(answering, "_told", OrderedDict())

    async def talk() -> None:
        async with (
            listening(lambda server: add_agent(server, _LongAgent(), guards=None)) as target,
            open_channel(target, security=None) as channel,
            open_channel(target, security=None) as other,
        ):
            client, reader = AgentClient(channel, peer="gpu"), AgentClient(other, peer="gpu")
            unread = [client.bundle("sha256:large", timeout_s=TIMEOUT_S) for _ in range(3)]
            for call in unread[:2]:
                await anext(call)
            assert [chunk async for chunk in reader.bundle("sha256:small", timeout_s=TIMEOUT_S)]
            with pytest.raises(CallRefusedError, match="2 bundles of one caller are under way"):
                await anext(unread[2])
            for call in unread[:2]:
                with pytest.raises(CallRefusedError, match=r"gpu: nothing of the bundle was read for 0\.5 s; read it"):
                    assert [chunk async for chunk in call]

    asyncio.run(talk())
    assert caplog.text.count("Agent.GetBundle refused: CallRefusedError: nothing of the bundle was read") == 1
    # asyncio may tell of an earlier test's loop meanwhile.
    assert not [record for record in caplog.records if record.exc_info and record.name != "asyncio"]


@pytest.mark.parametrize("not_before_s", [math.nan, math.inf, -math.inf])
def test_a_meter_is_read_at_a_time_that_can_be(not_before_s: float) -> None:
    """Nobody is waited for until never."""
    agent = FakeAgent()

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, agent, guards=None)) as channel:
            await AgentClient(channel, peer="gpu").read_meter(not_before_s, timeout_s=TIMEOUT_S)

    with pytest.raises(ContractError, match=f"not_before_s: {not_before_s}; expected a finite number"):
        asyncio.run(talk())
    assert agent.not_before_s == -1.0


def test_a_packed_message_is_refused_as_it_is() -> None:
    """Some 8 kB on the wire that would take 8 MiB here: nobody unfolds them to see."""

    async def talk() -> grpc.aio.AioRpcError:
        async with (
            listening(lambda server: add_agent(server, FakeAgent(), guards=None)) as target,
            grpc.aio.insecure_channel(target, compression=grpc.Compression.Gzip) as channel,
        ):
            request = agent_pb2.EchoRequest(payload=bytes(8 << 20))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await cast(Any, agent_pb2_grpc.AgentStub)(channel).Echo(request, timeout=TIMEOUT_S)
            return caught.value

    error = asyncio.run(talk())
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "'gzip' is disabled" in (error.details() or "")


def _planned_by_bytes(planner: FakePlanner, content: bytes) -> JoulecutError:
    """What a PlanSession of any bytes is refused with."""

    async def talk() -> JoulecutError:
        async with serving(lambda server: add_planner(server, planner, FakeSolver(), guards=None)) as channel:
            call = cast(Any, channel).unary_unary("/joulecut.v1.Planner/PlanSession")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(content, timeout=TIMEOUT_S)
            return error_from_rpc(caught.value, peer="gpu")

    error = asyncio.run(talk())
    assert not planner.requests
    return error


def test_a_session_request_is_measured_before_it_is_read() -> None:
    """Three million wires take a minute to read, in which nobody else would be answered."""
    error = _planned_by_bytes(
        FakePlanner(), planning_pb2.PlanSessionRequest(policy="x" * (2 << 20)).SerializeToString()
    )
    assert type(error) is ProblemError
    assert re.match(r"a planning request of 20\d+ bytes; expected at most 1048576", str(error))


def test_who_may_not_plan_is_told_before_the_request_is_read() -> None:
    """Refusals must be cheap: these bytes are not even a message."""
    planner = FakePlanner()
    planner.refusal = PlannerBusyError("once a second")
    assert type(_planned_by_bytes(planner, b"\xff")) is PlannerBusyError
    assert planner.asked == 1
    planner.refusal = None
    assert "1 bytes that are no PlanSessionRequest" in str(_planned_by_bytes(planner, b"\xff"))


@pytest.mark.parametrize("call", ["activate", "release"])
def test_a_session_has_a_short_name(call: str) -> None:
    """It is remembered, so a long one is refused before anybody sees it."""
    planner = FakePlanner()

    async def talk() -> None:
        async with serving(lambda server: add_planner(server, planner, FakeSolver(), guards=None)) as channel:
            client = PlannerClient(channel, peer="gpu")
            if call == "activate":
                await client.activate("x" * 10_000, 0, timeout_s=TIMEOUT_S)
            else:
                await client.release("x" * 10_000, timeout_s=TIMEOUT_S)

    with pytest.raises(ContractError, match=r"session_id: .* of 10000 characters; expected 1 to 128"):
        asyncio.run(talk())
    assert not planner.released
