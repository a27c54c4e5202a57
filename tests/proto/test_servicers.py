"""Clients and servicers over a real connection: dataclasses in and out, errors in their own branch."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from joulecut_core.energy import EnergyReading
from joulecut_core.errors import (
    BundleError,
    ContractError,
    DeviceError,
    JoulecutError,
    LeaseError,
    LinkError,
    ProblemError,
)
from joulecut_core.figures import FigureKind
from joulecut_core.ledgers import RequestJoules, RequestLedger, RequestSeconds
from joulecut_core.links import LinkEstimate
from joulecut_core.networks import TensorSpec
from joulecut_core.pools import pool_of
from joulecut_core.problems import Objective, Slo
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.wires import WireMeasurement, WireTable
from joulecut_proto.agent_messages import AgentState, Echo, EchoReply, Hello, Side
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient, LocalClient, PlannerClient
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.convert_planning import PROBLEM as PROBLEM_CONVERTER
from joulecut_proto.local_messages import (
    InferReply,
    InferRequest,
    LocalStatus,
    MeterReadings,
    ReadMetersRequest,
    ReplanReply,
    ReplanRequest,
    RequestCounters,
)
from joulecut_proto.planning_messages import SessionRequest
from joulecut_proto.planning_refusals import PlannerBusyError, SolveTimeError
from joulecut_proto.servicers import add_agent, add_local, add_planner
from joulecut_proto.status import error_from_rpc
from joulecut_proto.v1 import planning_pb2, planning_pb2_grpc
from tests.proto.fake_services import (
    BUNDLE,
    FLEET,
    FLEET_PLAN,
    INFO,
    NO_PLAN,
    POINT,
    POOL_PLAN,
    PROBLEM,
    PROFILE,
    STATE,
    FakeAgent,
    FakePlanner,
    FakeSolver,
    RefusingAgent,
)
from tests.proto.serving import TIMEOUT_S, serving

HELLO = Hello(contract_version=CONTRACT_VERSION, name="orin", side=Side.EDGE)

REQUEST = SessionRequest(
    session_id="edge-1",
    network_digest="sha256:00",
    edge=PROFILE,
    wires=WireTable(
        network="tiny",
        network_digest="sha256:00",
        samples_from="noise",
        reply_bytes=40,
        wires=(WireMeasurement(cut=0, codec="raw", mean_bytes=9.0, max_bytes=9, accuracy_loss=0.0, samples=1),),
    ),
    link=LinkEstimate(uplink_bps=1e6, downlink_bps=1e6, rtt_s=0.01, figures=FigureKind.EMULATED),
    slo=Slo(latency_s=0.1, quantile=0.99),
    objective=Objective(server_weight=0.0),
    max_accuracy_loss=0.01,
    policy="joint",
    envelope_bytes=60,
    preview=True,
)


def test_agent() -> None:
    """Every call of the Agent service."""
    agent = FakeAgent()

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, agent, guards=None)) as channel:
            client = AgentClient(channel, peer="gpu")
            reply = await client.hello(HELLO, timeout_s=TIMEOUT_S)
            assert (reply.device, reply.epoch, agent.callers) == (INFO, 4, [HELLO])
            state = await client.state(timeout_s=TIMEOUT_S)
            assert state == AgentState(device=STATE, leased=None, overrun_s=0.5)
            assert await client.profile("sha256:00", timeout_s=TIMEOUT_S) == PROFILE
            assert [chunk async for chunk in client.bundle("sha256:00", timeout_s=TIMEOUT_S)] == list(BUNDLE)
            assert agent.held_bytes == {}
            rest = client.bundle("sha256:00", {"graph.json": 7}, timeout_s=TIMEOUT_S)
            assert [chunk async for chunk in rest] == list(BUNDLE)
            assert agent.held_bytes == {"graph.json": 7}
            assert await client.read_meter(timeout_s=TIMEOUT_S) == EnergyReading(time_s=2.1, energy_j=11.0)
            assert agent.not_before_s is None
            await client.read_meter(0.0, timeout_s=TIMEOUT_S)
            assert agent.not_before_s == 0.0
            echo = await client.echo(Echo(payload=b"x" * (8 << 20), reply_bytes=3), timeout_s=TIMEOUT_S)
            assert echo == EchoReply(payload=bytes(3), server_s=0.25)

    asyncio.run(talk())


def test_planner() -> None:
    """Every call of the Planner service; an infeasible plan is an answer, not an error."""
    planner, solver = FakePlanner(), FakeSolver()

    async def talk() -> None:
        async with serving(lambda server: add_planner(server, planner, solver, guards=None)) as channel:
            client = PlannerClient(channel, peer="gpu")
            assert await client.plan(PROBLEM, timeout_s=TIMEOUT_S) == NO_PLAN
            assert await client.pareto(PROBLEM, timeout_s=TIMEOUT_S) == [NO_PLAN, NO_PLAN]
            assert await client.plan_fleet(FLEET, timeout_s=TIMEOUT_S) == FLEET_PLAN
            assert await client.plan_pool(pool_of(FLEET), timeout_s=TIMEOUT_S) == POOL_PLAN
            assert solver.time_limit_s == [7.0, 7.0]
            assert all(given_s is not None and 0 < given_s < TIMEOUT_S + 1 for given_s in solver.caller_s)
            reply = await client.plan_session(REQUEST, timeout_s=TIMEOUT_S)
            assert (reply.assignment, reply.plan, reply.problem) == (None, NO_PLAN, PROBLEM)
            assert planner.requests == [REQUEST]
            assert await client.activate("edge-1", 1, timeout_s=TIMEOUT_S) == POINT
            assert await client.activate("edge-1", 2, timeout_s=TIMEOUT_S) is None
            await client.release("edge-1", timeout_s=TIMEOUT_S)
            assert planner.released == ["edge-1"]

    asyncio.run(talk())


def _refusal_of(
    call: Callable[[Any], Awaitable[Any]], solver: FakeSolver | None = None
) -> tuple[grpc.aio.AioRpcError, JoulecutError]:
    """What a raw call of the Planner service ends with, as gRPC tells it and as the clients do."""

    async def talk() -> grpc.aio.AioRpcError:
        async with serving(
            lambda server: add_planner(server, FakePlanner(), solver or FakeSolver(), guards=None)
        ) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(cast(Any, planning_pb2_grpc.PlannerStub)(channel))
            return caught.value

    error = asyncio.run(talk())
    return error, error_from_rpc(error, peer="gpu")


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (PlannerBusyError("9 requests wait; try again in about 2 s"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (SolveTimeError("no answer within 30 s; ask for less"), grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_a_planner_without_time_says_so(refusal: JoulecutError, code: grpc.StatusCode) -> None:
    """Busy and too slow have statuses and classes of their own, and the caller reads what to do."""
    request = planning_pb2.PlanRequest(problem=PROBLEM_CONVERTER.to_wire(PROBLEM))
    sent, back = _refusal_of(lambda stub: stub.Plan(request, timeout=TIMEOUT_S), FakeSolver(refusal))
    assert sent.code() is code
    assert type(back) is type(refusal)
    assert str(back) == f"gpu: {refusal}"


def _too_large() -> planning_pb2.Problem:
    message = PROBLEM_CONVERTER.to_wire(PROBLEM)
    for _ in range(200):
        message.cuts[0].wires.add()
    return message


@pytest.mark.parametrize("call", ["Plan", "Pareto", "PlanFleet"])
def test_a_request_is_measured_before_it_is_read(call: str) -> None:
    """Two hundred empty wires, malformed every one of them, are refused for their number."""
    requests = {
        "Plan": planning_pb2.PlanRequest(problem=_too_large()),
        "Pareto": planning_pb2.ParetoRequest(problem=_too_large()),
        "PlanFleet": planning_pb2.PlanFleetRequest(
            fleet=planning_pb2.Fleet(edges=[planning_pb2.FleetEdge(name="a", problem=_too_large())])
        ),
    }
    sent, back = _refusal_of(lambda stub: getattr(stub, call)(requests[call], timeout=TIMEOUT_S))
    assert sent.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert type(back) is ProblemError
    assert re.fullmatch(r"objects: this (problem|fleet) has at least 21\d; expected at most 100 here: .*", str(back))


def test_an_empty_planning_request_is_refused() -> None:
    """A request without its problem names the first thing that is missing, as a document without it does."""
    for call, request, path in (
        ("Plan", planning_pb2.PlanRequest(), "link"),
        ("Pareto", planning_pb2.ParetoRequest(), "link"),
        ("PlanFleet", planning_pb2.PlanFleetRequest(), "edges"),
    ):
        send = lambda stub, call=call, request=request: getattr(stub, call)(request, timeout=TIMEOUT_S)  # noqa: E731
        sent, back = _refusal_of(send)
        assert sent.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert str(back).startswith(f"{path}: ")


STATUS = LocalStatus(
    network="tiny",
    network_digest="sha256:00",
    inputs=(TensorSpec(name="image", dtype="uint8", shape=(1, 3, 4, 4)),),
    outputs=(TensorSpec(name="scores", dtype="float32", shape=(1, 10)),),
    server_connected=False,
    assignment=None,
    plan=None,
    link=None,
    counters=RequestCounters(requests=5, local=4, fallbacks=1),
    device=STATE,
    device_info=INFO,
    server_info=None,
    slowdown=8.0,
)

LEDGER = RequestLedger(
    request_id="1",
    epoch=0,
    cut=1,
    codec="none",
    served_by="edge",
    fallback=True,
    seconds=RequestSeconds(head=0.1, total=0.1),
    joules=RequestJoules(edge_busy=0.9),
    figures=FigureKind.EMULATED,
)

REPLAN_REPLY = ReplanReply(assignment=None, plan=NO_PLAN, problem=PROBLEM)


class _FakeLocal:
    """A LocalService that returns its inputs."""

    async def infer(self, request: InferRequest, *, caller_s: float | None = None) -> InferReply:
        del caller_s
        return InferReply(tensors=request.tensors, ledger=LEDGER)

    async def status(self) -> LocalStatus:
        return STATUS

    async def replan(self, request: ReplanRequest) -> ReplanReply:
        assert request == ReplanRequest(policy="all-edge", max_accuracy_loss=0.0)
        return REPLAN_REPLY

    async def read_meters(self, request: ReadMetersRequest) -> MeterReadings:
        assert request == ReadMetersRequest(edge_not_before_s=0.0)
        return MeterReadings(edge=EnergyReading(time_s=1.0, energy_j=2.0), server=None)


def test_local_over_a_unix_socket(tmp_path: Path) -> None:
    """Every call of the Local service, where applications find it by default."""
    frame = TensorFrame(spec=TensorSpec(name="image", dtype="uint8", shape=(4,)), payload=b"abcd")

    async def talk() -> None:
        address = f"unix:{tmp_path / 'edge.sock'}"
        async with serving(lambda server: add_local(server, _FakeLocal(), room=None), address=address) as channel:
            client = LocalClient(channel, peer="edge-agent")
            reply = await client.infer(InferRequest(request_id="1", tensors=(frame,)), timeout_s=TIMEOUT_S)
            assert (reply.ledger, bytes(reply.tensors[0].payload)) == (LEDGER, b"abcd")
            assert await client.status(timeout_s=TIMEOUT_S) == STATUS
            replan = await client.replan(ReplanRequest(policy="all-edge", max_accuracy_loss=0.0), timeout_s=TIMEOUT_S)
            assert replan == REPLAN_REPLY
            meters = await client.read_meters(ReadMetersRequest(edge_not_before_s=0.0), timeout_s=TIMEOUT_S)
            assert meters == MeterReadings(edge=EnergyReading(time_s=1.0, energy_j=2.0), server=None)

    asyncio.run(talk())


async def _state_of(agent: FakeAgent) -> AgentState:
    async with serving(lambda server: add_agent(server, agent, guards=None)) as channel:
        return await AgentClient(channel, peer="gpu").state(timeout_s=TIMEOUT_S)


@pytest.mark.parametrize(
    ("failure", "kind", "public"),
    [
        (LeaseError("clocks are leased to edge-2"), LeaseError, "gpu: clocks are leased to edge-2"),
        (DeviceError("/dev/nvidia0 vanished"), DeviceError, "gpu: the device failed"),
        (RuntimeError("/home/secret"), LinkError, "gpu: INTERNAL: an unexpected error"),
    ],
)
def test_refusals_cross_and_stories_do_not(
    failure: Exception, kind: type[JoulecutError], public: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets branch and public text; the log of the side where it happened gets the story."""
    with caplog.at_level(logging.WARNING, "joulecut_proto"), pytest.raises(JoulecutError) as caught:
        asyncio.run(_state_of(RefusingAgent(failure)))
    assert type(caught.value) is kind
    assert str(caught.value).startswith(public)
    assert "secret" not in str(caught.value)
    assert "nvidia0" not in str(caught.value)
    assert str(failure) in caplog.text


def test_a_bundle_that_is_not_there() -> None:
    """A refusal in a stream arrives like any other, without the server's path."""

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, FakeAgent(), guards=None)) as channel:
            async for _ in AgentClient(channel, peer="gpu").bundle("sha256:11", timeout_s=TIMEOUT_S):
                pytest.fail("a chunk of nothing")

    with pytest.raises(BundleError, match="gpu: the bundle is damaged or unknown") as caught:
        asyncio.run(talk())
    assert "/var" not in str(caught.value)


def test_another_contract_version_is_refused_first() -> None:
    """Both versions are named, and the agent never sees the caller."""
    agent = FakeAgent()
    stranger = Hello(contract_version=CONTRACT_VERSION + 1, name="new", side=Side.EDGE)

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, agent, guards=None)) as channel:
            await AgentClient(channel, peer="gpu").hello(stranger, timeout_s=TIMEOUT_S)

    with pytest.raises(ContractError, match=r"'new' speaks contract version 3, this side version 2"):
        asyncio.run(talk())
    assert agent.callers == []


def test_an_echo_larger_than_a_message_is_refused() -> None:
    """A probe must not make the server allocate what it cannot send."""

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, FakeAgent(), guards=None)) as channel:
            await AgentClient(channel, peer="gpu").echo(Echo(payload=b"", reply_bytes=1 << 40), timeout_s=TIMEOUT_S)

    with pytest.raises(ContractError, match="reply_bytes: 1099511627776 bytes; expected at most 8388608"):
        asyncio.run(talk())


def test_nobody_there() -> None:
    """A server that does not run is a LinkError with the remedy, at once."""

    async def talk() -> None:
        async with open_channel("localhost:1", security=None) as channel:
            await AgentClient(channel, peer="gpu at localhost:1").state(timeout_s=TIMEOUT_S)

    with pytest.raises(LinkError, match=r"gpu at localhost:1 cannot be reached: .*check that it runs"):
        asyncio.run(talk())


def test_an_agent_without_that_service() -> None:
    """Calling a server agent's Planner at an edge is a misunderstanding of the contract."""

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, FakeAgent(), guards=None)) as channel:
            await PlannerClient(channel, peer="orin").release("edge-1", timeout_s=TIMEOUT_S)

    with pytest.raises(ContractError, match="orin: UNIMPLEMENTED"):
        asyncio.run(talk())


def test_a_call_has_a_deadline() -> None:
    """A peer that never answers does not hold the caller."""

    class _Silent(FakeAgent):
        async def state(self) -> AgentState:
            await asyncio.Event().wait()
            raise AssertionError

    async def talk() -> None:
        async with serving(lambda server: add_agent(server, _Silent(), guards=None)) as channel:
            await AgentClient(channel, peer="gpu").state(timeout_s=0.05)

    with pytest.raises(LinkError, match="gpu did not answer in time"):
        asyncio.run(talk())


def test_an_application_s_id_is_bounded(tmp_path: Path) -> None:
    """Of any characters, but not of any length."""

    async def talk(request_id: str) -> None:
        address = f"unix:{tmp_path / 'edge.sock'}"
        async with serving(lambda server: add_local(server, _FakeLocal(), room=None), address=address) as channel:
            request = InferRequest(request_id=request_id, tensors=())
            await LocalClient(channel, peer="edge-agent").infer(request, timeout_s=TIMEOUT_S)

    asyncio.run(talk("a b" + "\u00e4" * 97))
    with pytest.raises(ContractError, match=r"request_id: .* of 101 characters; expected at most 100"):
        asyncio.run(talk("x" * 101))
