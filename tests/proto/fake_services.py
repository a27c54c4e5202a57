"""Services that answer from fixed values and remember what they were asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_core.energy import EnergyReading
from joulecut_core.errors import BundleError, JoulecutError
from joulecut_core.figures import FigureKind
from joulecut_core.fleets import Fleet, FleetEdge, FleetEdgePlan, FleetPlan, RejectedEdge, Shared
from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan, PowerScopes
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool, pool_of
from joulecut_core.problems import (
    Edge,
    EdgePoint,
    Link,
    Problem,
    ProblemCut,
    Server,
    ServerPoint,
    SideTables,
    Slo,
    Variant,
    Wire,
)
from joulecut_core.profiles import PointMeasurement, Profile, ProfileKey
from joulecut_proto.agent_messages import AgentState, BundleChunk, Echo, EchoReply, Hello, HelloReply, NetworkId, Side
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.planning_messages import RequestSize, SessionReply, SessionRequest
from joulecut_proto.services import TimeLeft

R = TypeVar("R")

POINT = OperatingPoint(core_mhz=612.0, memory_mhz=2133.0)

INFO = DeviceInfo(
    name="Orin Nano",
    backend="emulated",
    uid="emulated:orin-nano-15w",
    driver="1",
    power_scope="module input",
    figures=FigureKind.EMULATED,
    meter_period_s=0.1,
    notes={"curve": "assumed"},
)

STATE = DeviceState(
    time_s=2.0,
    point=POINT,
    power_w=5.0,
    temperature_c=40.0,
    throttle=frozenset(),
    energy_j=10.0,
    energy_time_s=1.95,
)

PROFILE = Profile(
    key=ProfileKey(
        device="Orin Nano",
        driver="1",
        power_scope="module input",
        network_digest="sha256:00",
        side="edge",
        engine="eager",
        precision="fp32",
        batch=1,
    ),
    network="tiny",
    cut_names=("input", "output"),
    clock_table=(POINT,),
    created="2026-11-01",
    figures=FigureKind.EMULATED,
    points=(
        PointMeasurement(
            requested=POINT,
            achieved=POINT,
            runs=3,
            block_s=(0.01,),
            whole_s=0.01,
            whole_std_s=0.0,
            busy_w=9.0,
            wait_w=5.0,
            window_s=1.0,
        ),
    ),
)

PROBLEM = Problem(
    link=Link(uplink_bps=1e6, downlink_bps=1e6, rtt_s=0.01),
    edge=Edge(points=(EdgePoint(core_mhz=612.0, memory_mhz=None, wait_w=5.0),)),
    server=Server(points=(ServerPoint(core_mhz=1000.0, memory_mhz=None),)),
    cuts=(
        ProblemCut(name="input", wires=(Wire(codec="raw", uplink_bytes=1000, downlink_bytes=10),)),
        ProblemCut(name="output", wires=(Wire(codec="none", uplink_bytes=0, downlink_bytes=0),)),
    ),
    variants=(
        Variant(
            name="fp32",
            edge=SideTables(time_s=((0.0,), (0.1,)), busy_w=((5.0,), (9.0,))),
            server=SideTables(time_s=((0.01,), (0.0,)), busy_w=((70.0,), (70.0,))),
        ),
    ),
)

NO_PLAN = Plan(
    status=INFEASIBLE,
    cut=None,
    cut_name=None,
    codec=None,
    variant=None,
    edge_point=None,
    server_point=None,
    edge_clock=None,
    server_clock=None,
    latency_s=None,
    latency_bound_s=None,
    energy_j=None,
    edge_energy_j=None,
    server_energy_j=None,
    breakdown=None,
    power_scopes=PowerScopes(edge="module input", server=None),
    binding=("accuracy",),
    evaluated=0,
    solve_s=0.001,
)

_EDGE_PROBLEM = replace(PROBLEM, slo=Slo(rate_hz=5.0))

FLEET = Fleet(
    edges=(FleetEdge(name="a", problem=_EDGE_PROBLEM), FleetEdge(name="b", problem=_EDGE_PROBLEM)),
    shared=Shared(uplink_bps=2e6, server_idle_w_counts=True),
)

FLEET_PLAN = FleetPlan(
    status=OPTIMAL,
    server_point=0,
    edges=(FleetEdgePlan(name="a", plan=NO_PLAN, uplink_bps=0.0),),
    power_w=2.0,
    lower_bound_w=1.5,
    gap=0.25,
    rejected=(RejectedEdge(name="b", reason="too slow"),),
)

POOL_PLAN = PoolPlan(
    status=INFEASIBLE, servers=(), edges=(), power_w=None, lower_bound_w=None, gap=None, rejected=FLEET_PLAN.rejected
)

BUNDLE = (
    BundleChunk(file="graph.json", offset=0, data=b"{}", total_bytes=2),
    BundleChunk(file="weights.safetensors", offset=0, data=b"ab", total_bytes=3),
    BundleChunk(file="weights.safetensors", offset=2, data=b"c", total_bytes=3),
)


class FakeAgent:
    """An AgentService; raises `failure` instead of answering where one is set."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.callers: list[Hello] = []
        self.not_before_s: float | None = -1.0
        self.held_bytes: dict[str, int] | None = None

    async def hello(self, hello: Hello) -> HelloReply:
        self.callers.append(hello)
        return HelloReply(
            contract_version=CONTRACT_VERSION,
            name="gpu",
            side=Side.SERVER,
            device=INFO,
            networks=(NetworkId(name="tiny", digest="sha256:00"),),
            epoch=4,
        )

    async def state(self) -> AgentState:
        if self.failure is not None:
            raise self.failure
        return AgentState(device=STATE, leased=None, overrun_s=0.5)

    async def profile(self, network_digest: str) -> Profile:
        assert network_digest == PROFILE.key.network_digest
        return PROFILE

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        if network_digest != "sha256:00":
            raise BundleError(f"/var/lib/joulecut/{network_digest}: no such bundle")
        self.held_bytes = dict(held_bytes)
        for chunk in BUNDLE:
            yield chunk

    async def read_meter(self, not_before_s: float | None) -> EnergyReading:
        self.not_before_s = not_before_s
        return EnergyReading(time_s=2.1, energy_j=11.0)

    async def echo(self, echo: Echo) -> EchoReply:
        return EchoReply(payload=bytes(echo.reply_bytes), server_s=0.25)


class FakePlanner:
    """A PlannerService that never finds a plan."""

    def __init__(self) -> None:
        self.requests: list[SessionRequest] = []
        self.released: list[str] = []
        self.asked = 0
        self.refusal: Exception | None = None

    def check_rate(self) -> None:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal

    async def plan_session(self, request: SessionRequest) -> SessionReply:
        self.requests.append(request)
        return SessionReply(assignment=None, plan=NO_PLAN, problem=PROBLEM)

    async def activate(self, session_id: str, epoch: int) -> OperatingPoint | None:
        assert session_id == "edge-1"
        return POINT if epoch == 1 else None

    async def release(self, session_id: str) -> None:
        self.released.append(session_id)


class FakeSolver:
    """A SolverService that knows one problem and one fleet; `refusal` is raised in place of a turn."""

    most = RequestSize(edges=2, objects=100, table_entries=100, clock_pairs=10, choices=10)

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal
        self.caller_s: list[float | None] = []
        self.callers: list[Hashable | None] = []
        self.time_limit_s: list[float] = []

    async def in_turn(self, work: Callable[[TimeLeft], R], *, caller_s: float | None, who: Hashable | None) -> R:
        self.caller_s.append(caller_s)
        self.callers.append(who)
        if self.refusal is not None:
            raise self.refusal
        return work(lambda: 7.0)

    def plan(self, problem: Problem) -> Plan:
        assert problem == PROBLEM
        return NO_PLAN

    def pareto(self, problem: Problem) -> list[Plan]:
        assert problem == PROBLEM
        return [NO_PLAN, NO_PLAN]

    def plan_fleet(self, fleet: Fleet, *, time_limit_s: float) -> FleetPlan:
        assert fleet == FLEET
        self.time_limit_s.append(time_limit_s)
        return FLEET_PLAN

    def plan_pool(self, pool: Pool, *, time_limit_s: float) -> PoolPlan:
        assert pool == pool_of(FLEET)
        self.time_limit_s.append(time_limit_s)
        return POOL_PLAN


class RefusingAgent(FakeAgent):
    """An agent whose every reading fails."""

    def __init__(self, failure: JoulecutError | Exception) -> None:
        super().__init__()
        self.failure = failure
