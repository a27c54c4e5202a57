"""What an agent implements to serve the contract: dataclasses in and out, joulecut's errors raised.

`servicers` registers an implementation with a gRPC server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

from joulecut_core.clocks import OperatingPoint
from joulecut_core.energy import EnergyReading
from joulecut_core.fleets import Fleet, FleetPlan
from joulecut_core.plans import Plan
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool
from joulecut_core.problems import Problem
from joulecut_core.profiles import Profile
from joulecut_proto.agent_messages import AgentState, BundleChunk, Echo, EchoReply, Hello, HelloReply
from joulecut_proto.local_messages import (
    InferReply,
    InferRequest,
    LocalStatus,
    MeterReadings,
    ReadMetersRequest,
    ReplanReply,
    ReplanRequest,
)
from joulecut_proto.planning_messages import RequestSize, SessionReply, SessionRequest
from joulecut_proto.streaming.streams import InferenceServerStream

R = TypeVar("R")

TimeLeft: TypeAlias = Callable[[], float]
"""Seconds that may still be spent on an answer; they pass, and end below 0."""


class AgentService(Protocol):
    """What every agent tells its peers."""

    async def hello(self, hello: Hello) -> HelloReply:
        """Who this is. Callers of another contract version never get here."""
        ...

    async def state(self) -> AgentState:
        """A reading of the device."""
        ...

    async def profile(self, network_digest: str) -> Profile:
        """This side's profile of a network; raises ProfileError where there is none."""
        ...

    def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        """What follows the bytes that the caller holds of the bundle's files, by name; one file after the other.

        More than a file has is as good as none of it. Raises BundleError where there is no such bundle.
        """
        ...

    async def read_meter(self, not_before_s: float | None) -> EnergyReading:
        """The energy counter when it next changes from `not_before_s` on (the device's time; None: at once).

        Raises DeviceError without a meter.
        """
        ...

    async def echo(self, echo: Echo) -> EchoReply:
        """`reply_bytes` bytes, and the seconds spent on them."""
        ...


class SolverService(Protocol):
    """Solves problems for anybody; nothing is kept.

    Reading, solving and writing a large problem all take long, so the three are one piece of work
    that runs `in_turn`; what solves is called there and need not be quick.
    """

    @property
    def most(self) -> RequestSize:
        """The largest request that is read at all."""
        ...

    async def in_turn(self, work: Callable[[TimeLeft], R], *, caller_s: float | None, who: Hashable | None) -> R:
        """What `work` gives, run off the event loop; `caller_s` is the caller's deadline, None without one.

        `who` has its share of the time; None for callers that cannot be told apart. Raises PlannerBusyError where too
        many wait already, SolveTimeError where it takes too long.
        """
        ...

    def plan(self, problem: Problem) -> Plan:
        """The exact plan of one problem."""
        ...

    def pareto(self, problem: Problem) -> Sequence[Plan]:
        """The exact energy-latency front of one problem."""
        ...

    def plan_fleet(self, fleet: Fleet, *, time_limit_s: float) -> FleetPlan:
        """The plan of many edges on one server; raises SolveTimeError where the time does not suffice."""
        ...

    def plan_pool(self, pool: Pool, *, time_limit_s: float) -> PoolPlan:
        """The plan of many edges on many servers; raises SolveTimeError where the time does not suffice."""
        ...


class PlannerService(Protocol):
    """Plans for sessions of one edge and one network each."""

    def check_rate(self) -> None:
        """Raise PlannerBusyError where this caller plans too often; asked before its request is even read."""
        ...

    async def plan_session(self, request: SessionRequest) -> SessionReply:
        """A plan for this edge; starts the session or raises its epoch."""
        ...

    async def activate(self, session_id: str, epoch: int) -> OperatingPoint | None:
        """Lease the server's clock for an epoch; what was achieved, None where the server has no part."""
        ...

    async def release(self, session_id: str) -> None:
        """End a session and its lease; unknown sessions are no error."""
        ...


class InferenceService(Protocol):
    """Runs the server's part of requests."""

    async def serve(self, stream: InferenceServerStream) -> None:
        """Answer the requests of one edge until its stream ends; cancelled where the edge is lost."""
        ...


class LocalService(Protocol):
    """The edge agent's endpoint on its own host."""

    async def infer(self, request: InferRequest, *, caller_s: float | None = None) -> InferReply:
        """Run one request; `caller_s`: wall seconds until its caller gives up, None for one that waits."""
        ...

    async def status(self) -> LocalStatus:
        """What runs, and how."""
        ...

    async def replan(self, request: ReplanRequest) -> ReplanReply:
        """Plan again at once and carry the plan out."""
        ...

    async def read_meters(self, request: ReadMetersRequest) -> MeterReadings:
        """Both sides' energy counters, each when it next changes from the times asked for on."""
        ...
