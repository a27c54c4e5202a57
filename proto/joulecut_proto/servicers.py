"""Implementations of the services behind a gRPC server: protobuf on one side, dataclasses on the other.

Names of methods (N802) and their arguments, used or not (ARG002), are gRPC's.
"""
# ruff: noqa: ARG002, N802

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast

import grpc
import grpc.aio

from joulecut_core.errors import ContractError
from joulecut_proto.answering import Answering, Context
from joulecut_proto.channels import MESSAGE_LIMIT_BYTES
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
from joulecut_proto.convert_planning import FLEET, FLEET_PLAN, PLAN, PROBLEM, SESSION_REPLY, SESSION_REQUEST
from joulecut_proto.convert_profiles import PROFILE
from joulecut_proto.planning_sizes import check_fleet_size, check_problem_size
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

_ECHO_LIMIT_BYTES = MESSAGE_LIMIT_BYTES - 4096
"""Leaves room for the reply's other fields."""


def add_agent(server: grpc.aio.Server, service: AgentService, guards: Guards | None = None) -> None:
    """Serve joulecut.v1.Agent; to everybody where there are no guards."""
    servicer = _AgentServicer(_to(service, guards, None if guards is None else guards.agent))
    cast(Any, agent_pb2_grpc.add_AgentServicer_to_server)(servicer, server)


def add_planner(
    server: grpc.aio.Server, service: PlannerService, solver: SolverService, guards: Guards | None = None
) -> None:
    """Serve joulecut.v1.Planner: sessions by `service`, problems of their own by `solver`."""
    servicer = _PlannerServicer(
        _to(service, guards, None if guards is None else guards.planner),
        _to(solver, guards, None if guards is None else guards.solver),
    )
    cast(Any, planning_pb2_grpc.add_PlannerServicer_to_server)(servicer, server)


def add_inference(server: grpc.aio.Server, service: InferenceService, guards: Guards | None = None) -> None:
    """Serve joulecut.v1.Inference; to everybody where there are no guards."""
    servicer = _InferenceServicer(_to(service, guards, None if guards is None else guards.inference))
    server.add_generic_rpc_handlers((stream_handler(servicer.Stream),))


def add_local(server: grpc.aio.Server, service: LocalService) -> None:
    """Serve joulecut.v1.Local."""
    cast(Any, local_pb2_grpc.add_LocalServicer_to_server)(_LocalServicer(service), server)


def _to(service: S, guards: Guards | None, guard: Callable[[S, Caller], S] | None) -> Callable[[Context], S]:
    """What gives a call its service; raises AccessError where there is none for its caller."""
    if guards is None or guard is None:
        return lambda _: service
    return lambda context: guard(service, guards.callers.of(context))


class _AgentServicer(agent_pb2_grpc.AgentServicer):
    def __init__(self, service: Callable[[Context], AgentService]) -> None:
        self._service = service

    async def Hello(self, request: agent_pb2.HelloRequest, context: Context) -> agent_pb2.HelloReply:
        async with Answering(context, "Agent.Hello"):
            service = self._service(context)
            # Before anything else of the message is believed.
            check_contract_version(request.contract_version, peer=f"the caller {request.name[:80]!r}")
            return HELLO_REPLY.to_wire(await service.hello(HELLO.from_wire(request)))

    async def GetState(self, request: agent_pb2.GetStateRequest, context: Context) -> agent_pb2.AgentState:
        async with Answering(context, "Agent.GetState"):
            return AGENT_STATE.to_wire(await self._service(context).state())

    async def GetProfile(self, request: agent_pb2.GetProfileRequest, context: Context) -> profiles_pb2.Profile:
        async with Answering(context, "Agent.GetProfile"):
            return PROFILE.to_wire(await self._service(context).profile(request.network_digest))

    async def GetBundle(
        self, request: agent_pb2.GetBundleRequest, context: Context
    ) -> AsyncIterator[agent_pb2.BundleChunk]:
        async with Answering(context, "Agent.GetBundle"):
            async for chunk in self._service(context).bundle(request.network_digest):
                yield BUNDLE_CHUNK.to_wire(chunk)

    async def ReadMeter(self, request: agent_pb2.ReadMeterRequest, context: Context) -> devices_pb2.EnergyReading:
        async with Answering(context, "Agent.ReadMeter"):
            not_before_s = request.not_before_s if request.HasField("not_before_s") else None
            return ENERGY_READING.to_wire(await self._service(context).read_meter(not_before_s))

    async def Echo(self, request: agent_pb2.EchoRequest, context: Context) -> agent_pb2.EchoReply:
        async with Answering(context, "Agent.Echo"):
            if request.reply_bytes > _ECHO_LIMIT_BYTES:
                raise ContractError(f"reply_bytes: {request.reply_bytes}; expected at most {_ECHO_LIMIT_BYTES}")
            return ECHO_REPLY.to_wire(await self._service(context).echo(ECHO.from_wire(request)))


class _PlannerServicer(planning_pb2_grpc.PlannerServicer):
    def __init__(
        self, service: Callable[[Context], PlannerService], solver: Callable[[Context], SolverService]
    ) -> None:
        self._service = service
        self._solver = solver

    async def Plan(self, request: planning_pb2.PlanRequest, context: Context) -> planning_pb2.PlanReply:
        def work(solver: SolverService, _: TimeLeft) -> planning_pb2.PlanReply:
            check_problem_size(request.problem, solver.most)
            plan = solver.plan(PROBLEM.from_wire(request.problem))
            return planning_pb2.PlanReply(plan=PLAN.to_wire(plan))

        return await self._solved(context, "Planner.Plan", work)

    async def Pareto(self, request: planning_pb2.ParetoRequest, context: Context) -> planning_pb2.ParetoReply:
        def work(solver: SolverService, _: TimeLeft) -> planning_pb2.ParetoReply:
            check_problem_size(request.problem, solver.most)
            plans = solver.pareto(PROBLEM.from_wire(request.problem))
            return planning_pb2.ParetoReply(plans=map(PLAN.to_wire, plans))

        return await self._solved(context, "Planner.Pareto", work)

    async def PlanFleet(self, request: planning_pb2.PlanFleetRequest, context: Context) -> planning_pb2.PlanFleetReply:
        def work(solver: SolverService, left_s: TimeLeft) -> planning_pb2.PlanFleetReply:
            check_fleet_size(request.fleet, solver.most)
            plan = solver.plan_fleet(FLEET.from_wire(request.fleet), time_limit_s=left_s())
            return planning_pb2.PlanFleetReply(plan=FLEET_PLAN.to_wire(plan))

        return await self._solved(context, "Planner.PlanFleet", work)

    async def _solved(self, context: Context, call: str, work: Callable[[SolverService, TimeLeft], R]) -> R:
        async with Answering(context, call):
            solver = self._solver(context)
            return await solver.in_turn(lambda left_s: work(solver, left_s), caller_s=context.time_remaining())

    async def PlanSession(
        self, request: planning_pb2.PlanSessionRequest, context: Context
    ) -> planning_pb2.PlanSessionReply:
        async with Answering(context, "Planner.PlanSession"):
            return SESSION_REPLY.to_wire(await self._service(context).plan_session(SESSION_REQUEST.from_wire(request)))

    async def Activate(self, request: planning_pb2.ActivateRequest, context: Context) -> planning_pb2.ActivateReply:
        async with Answering(context, "Planner.Activate"):
            achieved = await self._service(context).activate(request.session_id, request.epoch)
            return planning_pb2.ActivateReply(achieved=None if achieved is None else OPERATING_POINT.to_wire(achieved))

    async def Release(self, request: planning_pb2.ReleaseRequest, context: Context) -> planning_pb2.ReleaseReply:
        async with Answering(context, "Planner.Release"):
            await self._service(context).release(request.session_id)
            return planning_pb2.ReleaseReply()


class _InferenceServicer(inference_pb2_grpc.InferenceServicer):
    def __init__(self, service: Callable[[Context], InferenceService]) -> None:
        self._service = service

    async def Stream(self, request_iterator: AsyncIterator[bytes], context: Context) -> None:
        async def write(message: bytes) -> None:
            await context.write(message)

        # Epochs and cuts are refused in replies: a ContractError here means malformed bytes.
        async with Answering(context, "Inference.Stream", contract_code=grpc.StatusCode.INVALID_ARGUMENT):
            await self._service(context).serve(InferenceServerStream(request_iterator, write))


class _LocalServicer(local_pb2_grpc.LocalServicer):
    def __init__(self, service: LocalService) -> None:
        self._service = service

    async def Infer(self, request: local_pb2.InferRequest, context: Context) -> local_pb2.InferReply:
        async with Answering(context, "Local.Infer"):
            return infer_reply_to_wire(await self._service.infer(infer_request_from_wire(request)))

    async def GetStatus(self, request: local_pb2.GetStatusRequest, context: Context) -> local_pb2.LocalStatus:
        async with Answering(context, "Local.GetStatus"):
            return LOCAL_STATUS.to_wire(await self._service.status())

    async def Replan(self, request: local_pb2.ReplanRequest, context: Context) -> local_pb2.ReplanReply:
        async with Answering(context, "Local.Replan"):
            return REPLAN_REPLY.to_wire(await self._service.replan(REPLAN_REQUEST.from_wire(request)))

    async def ReadMeters(self, request: local_pb2.ReadMetersRequest, context: Context) -> local_pb2.MeterReadings:
        async with Answering(context, "Local.ReadMeters"):
            return METER_READINGS.to_wire(await self._service.read_meters(READ_METERS_REQUEST.from_wire(request)))
