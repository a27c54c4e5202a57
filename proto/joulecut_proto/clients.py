"""Typed clients of every service: dataclasses in and out, a deadline on every call, joulecut's errors only.

`timeout_s` is in seconds of the wall. A failed call raises the error that the other side refused it
with, or LinkError where it cannot be reached or does not answer in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, TypeVar, cast

import grpc.aio
from google.protobuf.message import Message

from joulecut_core.clocks import OperatingPoint
from joulecut_core.energy import EnergyReading
from joulecut_core.errors import LinkError
from joulecut_core.fleets import Fleet, FleetPlan
from joulecut_core.plans import Plan
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool
from joulecut_core.problems import Problem
from joulecut_core.profiles import Profile
from joulecut_proto.agent_messages import AgentState, BundleChunk, Echo, EchoReply, Hello, HelloReply
from joulecut_proto.contract import check_contract_version
from joulecut_proto.convert_agent import (
    AGENT_STATE,
    BUNDLE_CHUNK,
    ECHO,
    ECHO_REPLY,
    ENERGY_READING,
    HELLO,
    HELLO_REPLY,
    OPERATING_POINT,
)
from joulecut_proto.convert_inference import (
    LOCAL_STATUS,
    METER_READINGS,
    READ_METERS_REQUEST,
    REPLAN_REPLY,
    REPLAN_REQUEST,
    infer_reply_from_wire,
    infer_request_to_wire,
)
from joulecut_proto.convert_planning import (
    FLEET,
    FLEET_PLAN,
    PLAN,
    POOL,
    POOL_PLAN,
    PROBLEM,
    SESSION_REPLY,
    SESSION_REQUEST,
)
from joulecut_proto.convert_profiles import PROFILE
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
from joulecut_proto.reply_sizes import PLAN_REPLY_OBJECTS, read_counted_reply, read_small_reply
from joulecut_proto.status import error_from_infer, error_from_rpc
from joulecut_proto.v1 import agent_pb2, agent_pb2_grpc, local_pb2, local_pb2_grpc, planning_pb2, planning_pb2_grpc

R = TypeVar("R")


async def _answer(call: Awaitable[R], peer: str) -> R:
    # In a task of its own: a channel that is closed cancels its calls, which must not look as if their caller were.
    answering = asyncio.ensure_future(call)
    try:
        await asyncio.wait({answering})
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    if answering.cancelled():
        raise LinkError(f"{peer} was given up before it had answered")
    try:
        reply = answering.result()
    except grpc.aio.AioRpcError as error:
        raise error_from_rpc(error, peer=peer) from error.with_traceback(None)
    finally:
        # An error keeps its frames. With a call in one, a channel that was closed would go on connecting.
        del answering, call
    return _readable(reply, peer)


def _readable(reply: R | None, peer: str) -> R:
    if reply is None:  # what gRPC gives where it cannot decode one
        raise LinkError(f"{peer}: its reply cannot be read: it was damaged on the way; try again")
    return reply


def _unread(channel: grpc.aio.Channel, method: str) -> Any:
    """A call whose reply comes as bytes, whose size can be looked at."""
    return cast(Any, channel).unary_unary(f"/joulecut.v1.{method}", request_serializer=_serialised)


def _serialised(message: Message) -> bytes:
    return message.SerializeToString()


def _session_reply(content: bytes, peer: str) -> SessionReply:
    kind = planning_pb2.PlanSessionReply
    return SESSION_REPLY.from_wire(read_counted_reply(content, kind, most=PLAN_REPLY_OBJECTS, peer=peer))


class AgentClient:
    """Calls the Agent service of `peer`, whose name stands in every error."""

    def __init__(self, channel: grpc.aio.Channel, *, peer: str) -> None:
        self._stub = cast(Any, agent_pb2_grpc.AgentStub)(channel)
        self._hello = _unread(channel, "Agent/Hello")
        self._state = _unread(channel, "Agent/GetState")
        self._peer = peer

    async def hello(self, hello: Hello, *, timeout_s: float) -> HelloReply:
        """Introduce this agent; raises ContractError where the versions differ."""
        content = await _answer(self._hello(HELLO.to_wire(hello), timeout=timeout_s), self._peer)
        reply = read_small_reply(content, agent_pb2.HelloReply, peer=self._peer)
        check_contract_version(reply.contract_version, peer=self._peer)
        return HELLO_REPLY.from_wire(reply)

    async def state(self, *, timeout_s: float) -> AgentState:
        """A reading of the peer's device."""
        content = await _answer(self._state(agent_pb2.GetStateRequest(), timeout=timeout_s), self._peer)
        return AGENT_STATE.from_wire(read_small_reply(content, agent_pb2.AgentState, peer=self._peer))

    async def profile(self, network_digest: str, *, timeout_s: float) -> Profile:
        """The peer's profile of a network; raises ProfileError where it has none."""
        request = agent_pb2.GetProfileRequest(network_digest=network_digest)
        return PROFILE.from_wire(await _answer(self._stub.GetProfile(request, timeout=timeout_s), self._peer))

    async def bundle(
        self, network_digest: str, held_bytes: Mapping[str, int] | None = None, *, timeout_s: float
    ) -> AsyncIterator[BundleChunk]:
        """What follows the bytes held of a bundle's files, by name, chunk by chunk; a peer may send all of them anew.

        Raises BundleError where the peer lacks it.
        """
        request = agent_pb2.GetBundleRequest(network_digest=network_digest, held_bytes=held_bytes or {})
        try:
            async for chunk in self._stub.GetBundle(request, timeout=timeout_s):
                yield BUNDLE_CHUNK.from_wire(_readable(chunk, self._peer))
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error, peer=self._peer) from error.with_traceback(None)  # which holds the call

    async def read_meter(self, not_before_s: float | None = None, *, timeout_s: float) -> EnergyReading:
        """The peer's energy counter when it next changes from `not_before_s` on (the peer's device's time).

        Raises DeviceError where it has no meter.
        """
        request = agent_pb2.ReadMeterRequest(not_before_s=not_before_s)
        return ENERGY_READING.from_wire(await _answer(self._stub.ReadMeter(request, timeout=timeout_s), self._peer))

    async def echo(self, echo: Echo, *, timeout_s: float) -> EchoReply:
        """Send bytes and get bytes back."""
        return ECHO_REPLY.from_wire(await _answer(self._stub.Echo(ECHO.to_wire(echo), timeout=timeout_s), self._peer))


class PlannerClient:
    """Calls the Planner service of `peer`, whose name stands in every error."""

    def __init__(self, channel: grpc.aio.Channel, *, peer: str) -> None:
        self._stub = cast(Any, planning_pb2_grpc.PlannerStub)(channel)
        self._plan_session = _unread(channel, "Planner/PlanSession")
        self._peer = peer

    async def plan(self, problem: Problem, *, timeout_s: float) -> Plan:
        """The solution of a problem; nothing is kept."""
        request = planning_pb2.PlanRequest(problem=PROBLEM.to_wire(problem))
        reply = cast(planning_pb2.PlanReply, await _answer(self._stub.Plan(request, timeout=timeout_s), self._peer))
        return PLAN.from_wire(reply.plan)

    async def pareto(self, problem: Problem, *, timeout_s: float) -> list[Plan]:
        """The energy-latency front of a problem, by rising latency bound; nothing is kept."""
        request = planning_pb2.ParetoRequest(problem=PROBLEM.to_wire(problem))
        reply = cast(planning_pb2.ParetoReply, await _answer(self._stub.Pareto(request, timeout=timeout_s), self._peer))
        return [PLAN.from_wire(plan) for plan in reply.plans]

    async def plan_fleet(self, fleet: Fleet, *, timeout_s: float) -> FleetPlan:
        """The solution of a fleet problem; nothing is kept. `timeout_s` counts from when it is sent."""
        # A large fleet takes seconds to write and to read, in which this event loop has other things to do.
        message = await asyncio.to_thread(FLEET.to_wire, fleet)
        call = self._stub.PlanFleet(planning_pb2.PlanFleetRequest(fleet=message), timeout=timeout_s)
        reply = cast(planning_pb2.PlanFleetReply, await _answer(call, self._peer))
        return await asyncio.to_thread(FLEET_PLAN.from_wire, reply.plan)

    async def plan_pool(self, pool: Pool, *, timeout_s: float) -> PoolPlan:
        """The solution of a fleet problem of version 2; otherwise as `plan_fleet`."""
        message = await asyncio.to_thread(POOL.to_wire, pool)
        call = self._stub.PlanFleet(planning_pb2.PlanFleetRequest(pool=message), timeout=timeout_s)
        reply = cast(planning_pb2.PlanFleetReply, await _answer(call, self._peer))
        return await asyncio.to_thread(POOL_PLAN.from_wire, reply.pool_plan)

    async def plan_session(self, request: SessionRequest, *, timeout_s: float) -> SessionReply:
        """A plan for this edge; starts the session or raises its epoch."""
        call = self._plan_session(SESSION_REQUEST.to_wire(request), timeout=timeout_s)
        # Requests have deadlines, and how long the reply takes to read is the server's choice.
        return await asyncio.to_thread(_session_reply, await _answer(call, self._peer), self._peer)

    async def activate(self, session_id: str, epoch: int, *, timeout_s: float) -> OperatingPoint | None:
        """Make the server lease its clock for `epoch`; what it achieved, None where it has no part."""
        request = planning_pb2.ActivateRequest(session_id=session_id, epoch=epoch)
        call = self._stub.Activate(request, timeout=timeout_s)
        reply = cast(planning_pb2.ActivateReply, await _answer(call, self._peer))
        return OPERATING_POINT.from_wire(reply.achieved) if reply.HasField("achieved") else None

    async def release(self, session_id: str, *, timeout_s: float) -> None:
        """End a session and its lease."""
        request = planning_pb2.ReleaseRequest(session_id=session_id)
        await _answer(self._stub.Release(request, timeout=timeout_s), self._peer)


class LocalClient:
    """Calls the Local service of an edge agent, named `peer` in every error."""

    def __init__(self, channel: grpc.aio.Channel, *, peer: str) -> None:
        self._stub = cast(Any, local_pb2_grpc.LocalStub)(channel)
        self._peer = peer

    async def infer(self, request: InferRequest, *, timeout_s: float) -> InferReply:
        """Run one request."""
        try:
            reply = await self._stub.Infer(infer_request_to_wire(request), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise error_from_infer(error, peer=self._peer) from error.with_traceback(None)  # which holds the call
        return infer_reply_from_wire(_readable(reply, self._peer))

    async def status(self, *, timeout_s: float) -> LocalStatus:
        """What the edge agent runs, and how."""
        request = local_pb2.GetStatusRequest()
        return LOCAL_STATUS.from_wire(await _answer(self._stub.GetStatus(request, timeout=timeout_s), self._peer))

    async def replan(self, request: ReplanRequest, *, timeout_s: float) -> ReplanReply:
        """Plan again at once and carry the plan out."""
        call = self._stub.Replan(REPLAN_REQUEST.to_wire(request), timeout=timeout_s)
        return REPLAN_REPLY.from_wire(await _answer(call, self._peer))

    async def read_meters(self, request: ReadMetersRequest, *, timeout_s: float) -> MeterReadings:
        """Both sides' energy counters, each when it next changes from the times asked for on."""
        call = self._stub.ReadMeters(READ_METERS_REQUEST.to_wire(request), timeout=timeout_s)
        return METER_READINGS.from_wire(await _answer(call, self._peer))
