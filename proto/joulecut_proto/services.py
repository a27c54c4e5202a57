"""What an agent implements to serve the contract: dataclasses in and out, joulecut's errors raised.

`servicers` registers an implementation with a gRPC server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from joulecut_core.clocks import OperatingPoint
from joulecut_core.energy import EnergyReading
from joulecut_core.plans import Plan
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
from joulecut_proto.planning_messages import SessionReply, SessionRequest
from joulecut_proto.streams import InferenceServerStream


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

    def bundle(self, network_digest: str) -> AsyncIterator[BundleChunk]:
        """The bundle's files, one after the other; raises BundleError where there is none."""
        ...

    async def read_meter(self, not_before_s: float | None) -> EnergyReading:
        """The energy counter when it next changes from `not_before_s` on (the device's time; None: at once).

        Raises DeviceError without a meter.
        """
        ...

    async def echo(self, echo: Echo) -> EchoReply:
        """`reply_bytes` bytes, and the seconds spent on them."""
        ...


class PlannerService(Protocol):
    """Plans for sessions of one edge and one network each."""

    async def plan(self, problem: Problem) -> Plan:
        """The solution; nothing is kept."""
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

    async def infer(self, request: InferRequest) -> InferReply:
        """Run one request."""
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
