"""Implementations of the services behind a gRPC server: protobuf on one side, dataclasses on the other.

Names of methods (N802) and their arguments, used or not (ARG002), are gRPC's.
"""
# ruff: noqa: ARG002, N802

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Generic, TypeVar

import grpc
import grpc.aio

from joulecut_core.errors import ContractError
from joulecut_core.time_limits import within
from joulecut_proto.answering import Answering, Context
from joulecut_proto.arriving import Arriving
from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.call_room import CallRoom, connection_of
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
    infer_reply_to_wire,
    infer_request_from_wire,
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
from joulecut_proto.handlers import add_handlers, reading, unread
from joulecut_proto.ids import check_id
from joulecut_proto.planning_sizes import (
    check_fleet_size,
    check_pool_size,
    check_problem_size,
    read_planning_request,
    read_session_request,
)
from joulecut_proto.security.callers import Caller
from joulecut_proto.security.guards import Guards
from joulecut_proto.services import (
    AgentService,
    InferenceService,
    LocalService,
    PlannerService,
    SolverService,
    TimeLeft,
)
from joulecut_proto.streaming.announcing import announced_session
from joulecut_proto.streaming.streams import InferenceServerStream, stream_handler
from joulecut_proto.v1 import (
    agent_pb2,
    agent_pb2_grpc,
    devices_pb2,
    inference_pb2_grpc,
    local_pb2,
    local_pb2_grpc,
    planning_pb2,
    planning_pb2_grpc,
    profiles_pb2,
)

R = TypeVar("R")
S = TypeVar("S")

_ECHO_LIMIT_BYTES = 8 << 20
"""Either way; probing a link takes 6 MiB."""
_UNREAD_S = 180.0
"""Wall seconds for one chunk of a bundle: three times as long as edges wait for one, as buffers empty in leaps."""
_AGENT = agent_pb2.DESCRIPTOR.services_by_name["Agent"]
_LOCAL = local_pb2.DESCRIPTOR.services_by_name["Local"]
_PLANNER = planning_pb2.DESCRIPTOR.services_by_name["Planner"]


def add_agent(server: grpc.aio.Server, service: AgentService, guards: Guards | None) -> None:
    """Serve joulecut.v1.Agent; to everybody where there are no guards."""
    door = _Door(service, guards, None if guards is None else guards.agent)
    add_handlers(server, _AGENT, reading(_AGENT, _AgentServicer(door), door.arriving(), large=("Echo",)))


def add_planner(server: grpc.aio.Server, service: PlannerService, solver: SolverService, guards: Guards | None) -> None:
    """Serve joulecut.v1.Planner: sessions by `service`, problems of their own by `solver`."""
    door = _Door(service, guards, None if guards is None else guards.planner)
    servicer = _PlannerServicer(door, _Door(solver, guards, None if guards is None else guards.solver))
    arriving = door.arriving()
    # Generated handlers would read a message of any size on the event loop before anybody is asked.
    handlers = {
        **reading(_PLANNER, servicer, arriving),
        "Plan": unread("Planner.Plan", servicer.plan, arriving),
        "Pareto": unread("Planner.Pareto", servicer.pareto, arriving),
        "PlanFleet": unread("Planner.PlanFleet", servicer.plan_fleet, arriving),
        "PlanSession": unread("Planner.PlanSession", servicer.plan_session, arriving),
    }
    add_handlers(server, _PLANNER, handlers)


def add_inference(server: grpc.aio.Server, service: InferenceService, guards: Guards | None) -> None:
    """Serve joulecut.v1.Inference; to everybody where there are no guards."""
    servicer = _InferenceServicer(_Door(service, guards, None if guards is None else guards.inference))
    server.add_generic_rpc_handlers((stream_handler(servicer.Stream),))


def add_local(server: grpc.aio.Server, service: LocalService, room: CallRoom | None) -> None:
    """Serve joulecut.v1.Local. `room`: for requests under way; None for any number."""
    servicer = _LocalServicer(service, room)
    add_handlers(server, _LOCAL, reading(_LOCAL, servicer, None, large=("Infer",)))


class _Door(Generic[S]):
    """What gives calls their service."""

    def __init__(self, service: S, guards: Guards | None, guard: Callable[[S, Caller], S] | None) -> None:
        self._service = service
        self._guards = guards
        self._guard = guard

    def of(self, context: Context, room: CallRoom | None) -> S:
        """The service for a call's caller, who is counted in `room` by identity, and by connection without one.

        Raises AccessError where there is none for this caller, CallRefusedError where it has too many calls.
        """
        identity, service = None, self._service
        if self._guards is not None and self._guard is not None:
            caller = self._guards.callers.of(context)
            identity, service = caller.identity, self._guard(service, caller)
        if room is not None:
            room.enter(context, identity or connection_of(context))
        return service

    def arriving(self) -> Arriving:
        """Takes the requests of its calls in, counted together with those of the server's other services."""
        return Arriving(self.admitted, None if self._guards is None else self._guards.callers.arriving)

    def admitted(self, context: Context) -> Hashable | None:
        """As `who`, before anything of a call is taken in; raises AccessError where there is nothing for its caller."""
        self.of(context, None)
        return self.who(context)

    def who(self, context: Context) -> Hashable | None:
        """What tells a call's caller from others: its identity, its connection without one; None where neither does."""
        identity = None if self._guards is None else self._guards.callers.of(context).identity
        return identity or connection_of(context)


class _AgentServicer(agent_pb2_grpc.AgentServicer):
    def __init__(self, door: _Door[AgentService]) -> None:
        self._door = door
        self._calls = CallRoom("calls", each=64, total=4096)
        self._meters = CallRoom("meter readings", each=8, total=1024)
        self._echoes = CallRoom("echoes", each=4, total=128)
        self._bundles = CallRoom("bundles", each=2, total=64)

    async def Hello(self, request: agent_pb2.HelloRequest, context: Context) -> agent_pb2.HelloReply:
        async with Answering(context, "Agent.Hello"):
            service = self._door.of(context, self._calls)
            # Before anything else of the message is believed.
            check_contract_version(request.contract_version, peer=f"the caller {request.name[:80]!r}")
            return HELLO_REPLY.to_wire(await service.hello(HELLO.from_wire(request)))

    async def GetState(self, request: agent_pb2.GetStateRequest, context: Context) -> agent_pb2.AgentState:
        async with Answering(context, "Agent.GetState"):
            return AGENT_STATE.to_wire(await self._door.of(context, self._calls).state())

    async def GetProfile(self, request: agent_pb2.GetProfileRequest, context: Context) -> profiles_pb2.Profile:
        async with Answering(context, "Agent.GetProfile"):
            return PROFILE.to_wire(await self._door.of(context, self._calls).profile(request.network_digest))

    async def GetBundle(self, request: agent_pb2.GetBundleRequest, context: Context) -> None:
        async with Answering(context, "Agent.GetBundle"):
            async for chunk in self._door.of(context, self._bundles).bundle(request.network_digest, request.held_bytes):
                try:
                    await within(context.write(BUNDLE_CHUNK.to_wire(chunk)), _UNREAD_S)
                except grpc.aio.BaseError:  # the caller has left, or this server has stopped
                    return
                except asyncio.TimeoutError:
                    # The refusal waits behind the chunk, for as long as the caller stays and does not read.
                    self._bundles.set_aside(context)
                    text = f"nothing of the bundle was read for {_UNREAD_S:g} s; read it as it comes, or try again"
                    raise CallRefusedError(text) from None

    async def ReadMeter(self, request: agent_pb2.ReadMeterRequest, context: Context) -> devices_pb2.EnergyReading:
        async with Answering(context, "Agent.ReadMeter"):
            not_before_s = request.not_before_s if request.HasField("not_before_s") else None
            if not_before_s is not None and not math.isfinite(not_before_s):
                raise ContractError(f"not_before_s: {not_before_s}; expected a finite number")
            return ENERGY_READING.to_wire(await self._door.of(context, self._meters).read_meter(not_before_s))

    async def Echo(self, request: agent_pb2.EchoRequest, context: Context) -> agent_pb2.EchoReply:
        async with Answering(context, "Agent.Echo"):
            for what, size_bytes in (("payload", len(request.payload)), ("reply_bytes", request.reply_bytes)):
                if size_bytes > _ECHO_LIMIT_BYTES:
                    raise ContractError(f"{what}: {size_bytes} bytes; expected at most {_ECHO_LIMIT_BYTES}")
            return ECHO_REPLY.to_wire(await self._door.of(context, self._echoes).echo(ECHO.from_wire(request)))


class _PlannerServicer(planning_pb2_grpc.PlannerServicer):
    def __init__(self, door: _Door[PlannerService], solver: _Door[SolverService]) -> None:
        self._door = door
        self._solver = solver
        self._calls = CallRoom("planning calls", each=8, total=1024)
        self._problems = CallRoom("problems", each=64, total=1024)

    async def plan(self, content: bytes, context: Context) -> planning_pb2.PlanReply:
        """Plan."""

        def work(solver: SolverService, _: TimeLeft) -> planning_pb2.PlanReply:
            problem = read_planning_request(content, planning_pb2.PlanRequest, solver.most).problem
            check_problem_size(problem, solver.most)
            return planning_pb2.PlanReply(plan=PLAN.to_wire(solver.plan(PROBLEM.from_wire(problem))))

        return await self._solved(context, "Planner.Plan", work)

    async def pareto(self, content: bytes, context: Context) -> planning_pb2.ParetoReply:
        """Pareto."""

        def work(solver: SolverService, _: TimeLeft) -> planning_pb2.ParetoReply:
            problem = read_planning_request(content, planning_pb2.ParetoRequest, solver.most).problem
            check_problem_size(problem, solver.most)
            return planning_pb2.ParetoReply(plans=map(PLAN.to_wire, solver.pareto(PROBLEM.from_wire(problem))))

        return await self._solved(context, "Planner.Pareto", work)

    async def plan_fleet(self, content: bytes, context: Context) -> planning_pb2.PlanFleetReply:
        """PlanFleet."""

        def work(solver: SolverService, left_s: TimeLeft) -> planning_pb2.PlanFleetReply:
            request = read_planning_request(content, planning_pb2.PlanFleetRequest, solver.most)
            if request.HasField("pool"):
                check_pool_size(request.pool, solver.most)
                pool_plan = solver.plan_pool(POOL.from_wire(request.pool), time_limit_s=left_s())
                return planning_pb2.PlanFleetReply(pool_plan=POOL_PLAN.to_wire(pool_plan))
            check_fleet_size(request.fleet, solver.most)
            plan = solver.plan_fleet(FLEET.from_wire(request.fleet), time_limit_s=left_s())
            return planning_pb2.PlanFleetReply(plan=FLEET_PLAN.to_wire(plan))

        return await self._solved(context, "Planner.PlanFleet", work)

    async def _solved(self, context: Context, call: str, work: Callable[[SolverService, TimeLeft], R]) -> R:
        async with Answering(context, call):
            solver, who = self._solver.of(context, self._problems), self._solver.who(context)
            caller_s = context.time_remaining()
            return await solver.in_turn(lambda left_s: work(solver, left_s), caller_s=caller_s, who=who)

    async def plan_session(self, content: bytes, context: Context) -> planning_pb2.PlanSessionReply:
        """PlanSession: who may not plan now is refused before a byte of the request is read."""
        async with Answering(context, "Planner.PlanSession"):
            service = self._door.of(context, self._calls)
            service.check_rate()
            # Tables take long to read and to write, which no other call may have to wait for.
            request = await asyncio.to_thread(lambda: SESSION_REQUEST.from_wire(read_session_request(content)))
            return await asyncio.to_thread(SESSION_REPLY.to_wire, await service.plan_session(request))

    async def Activate(self, request: planning_pb2.ActivateRequest, context: Context) -> planning_pb2.ActivateReply:
        async with Answering(context, "Planner.Activate"):
            service = self._door.of(context, self._calls)
            check_id("session_id", request.session_id)
            achieved = await service.activate(request.session_id, request.epoch)
            return planning_pb2.ActivateReply(achieved=None if achieved is None else OPERATING_POINT.to_wire(achieved))

    async def Release(self, request: planning_pb2.ReleaseRequest, context: Context) -> planning_pb2.ReleaseReply:
        async with Answering(context, "Planner.Release"):
            service = self._door.of(context, self._calls)
            check_id("session_id", request.session_id)
            await service.release(request.session_id)
            return planning_pb2.ReleaseReply()


class _InferenceServicer(inference_pb2_grpc.InferenceServicer):
    def __init__(self, door: _Door[InferenceService]) -> None:
        self._door = door

    async def Stream(self, request_iterator: AsyncIterator[bytes], context: Context) -> None:
        async def write(message: bytes) -> None:
            await context.write(message)

        # Epochs and cuts are refused in replies: a ContractError here means malformed bytes.
        async with Answering(context, "Inference.Stream", contract_code=grpc.StatusCode.INVALID_ARGUMENT):
            session_id = announced_session(context.invocation_metadata() or ())
            stream = InferenceServerStream(request_iterator, write, session_id=session_id)
            await self._door.of(context, None).serve(stream)


class _LocalServicer(local_pb2_grpc.LocalServicer):
    def __init__(self, service: LocalService, room: CallRoom | None) -> None:
        self._service = service
        self._room = room

    async def Infer(self, request: local_pb2.InferRequest, context: Context) -> local_pb2.InferReply:
        async with Answering(context, "Local.Infer"):
            asked = infer_request_from_wire(request)
            if self._room is not None:
                self._room.enter(context, asked.application)
            return infer_reply_to_wire(await self._service.infer(asked, caller_s=context.time_remaining()))

    async def GetStatus(self, request: local_pb2.GetStatusRequest, context: Context) -> local_pb2.LocalStatus:
        async with Answering(context, "Local.GetStatus"):
            return LOCAL_STATUS.to_wire(await self._service.status())

    async def Replan(self, request: local_pb2.ReplanRequest, context: Context) -> local_pb2.ReplanReply:
        async with Answering(context, "Local.Replan"):
            return REPLAN_REPLY.to_wire(await self._service.replan(REPLAN_REQUEST.from_wire(request)))

    async def ReadMeters(self, request: local_pb2.ReadMetersRequest, context: Context) -> local_pb2.MeterReadings:
        async with Answering(context, "Local.ReadMeters"):
            return METER_READINGS.to_wire(await self._service.read_meters(READ_METERS_REQUEST.from_wire(request)))
