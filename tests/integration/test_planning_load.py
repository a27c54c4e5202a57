"""Planning over gRPC: bounded in number and time, and in nobody's way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from joulecut_core.errors import LinkError, PlanError
from joulecut_core.fleets import Fleet, FleetPlan
from joulecut_planner import solve
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fleet_file import parse_fleet
from joulecut_proto.convert_planning import PROBLEM
from joulecut_proto.planning_refusals import PlannerBusyError, SolveTimeError
from joulecut_proto.v1 import planning_pb2, planning_pb2_grpc
from joulecut_server.planning.limits import PlanningLimits
from joulecut_server.planning.solving import LIBRARY
from tests.integration.planning_site import (
    SMALL,
    gated,
    planner,
    run,
    small_fleet_document,
    timeless,
)
from tests.integration.site import WAIT_S
from tests.server.gates import Gate


def test_health_is_answered_while_problems_are_solved() -> None:
    """A solve under way holds up neither health nor the other calls, and ends with its answer."""
    gate = Gate()

    async def test() -> None:
        async with planner(solvers=gated(gate)) as (client, channel, _):
            asked = [asyncio.create_task(client.plan(SMALL, timeout_s=WAIT_S)) for _ in range(3)]
            await gate.entered()
            stub = cast(Any, health_pb2_grpc.HealthStub)(channel)
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=""), timeout=WAIT_S)
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
            await client.release("edge-1", timeout_s=WAIT_S)
            assert not any(task.done() for task in asked)
            gate.open()
            assert {timeless(plan) for plan in await asyncio.gather(*asked)} == {timeless(solve(SMALL))}

    run(test())


def test_a_full_server_says_when_to_come_again() -> None:
    """One is solved, one waits, the third is refused at once and not queued."""
    gate = Gate()

    async def test() -> None:
        async with planner(PlanningLimits(waiting=1), gated(gate)) as (client, _, solver):
            asked = [asyncio.create_task(client.plan(SMALL, timeout_s=WAIT_S)) for _ in range(2)]
            await gate.entered()
            while solver.under_way < 2:
                await asyncio.sleep(0.001)
            with pytest.raises(PlannerBusyError, match=r"gpu: 2 requests are solved or wait.*try again in about 1 s"):
                await client.pareto(SMALL, timeout_s=WAIT_S)
            gate.open()
            await asyncio.gather(*asked)

    run(test())
    assert gate.passed == 2


def test_a_caller_that_leaves_is_not_solved_for() -> None:
    """Cancelled while it waits: its problem is never touched and its place is free."""
    gate = Gate()

    async def test() -> None:
        async with planner(PlanningLimits(waiting=1), gated(gate)) as (client, _, solver):
            first = asyncio.create_task(client.plan(SMALL, timeout_s=WAIT_S))
            await gate.entered()
            second = asyncio.create_task(client.plan(SMALL, timeout_s=WAIT_S))
            while solver.under_way < 2:
                await asyncio.sleep(0.001)
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            while solver.under_way > 1:
                await asyncio.sleep(0.001)
            gate.open()
            await first
            assert timeless(await client.plan(SMALL, timeout_s=WAIT_S)) == timeless(solve(SMALL))

    run(test())
    assert gate.passed == 2


def test_an_answer_comes_in_time_or_not_at_all() -> None:
    """The server's limit and the caller's deadline: whichever is nearer ends the call, with what to do."""
    gate = Gate()

    async def test() -> None:
        async with planner(PlanningLimits(solve_s=0.2), gated(gate)) as (client, channel, _):
            with pytest.raises(SolveTimeError, match=r"gpu: no answer within 0\.2 s, the limit of this server; ask"):
                await client.plan(SMALL, timeout_s=WAIT_S)
            # Callers without a deadline have the server's.
            stub = cast(Any, planning_pb2_grpc.PlannerStub)(channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Plan(planning_pb2.PlanRequest(problem=PROBLEM.to_wire(SMALL)))
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            with pytest.raises(LinkError, match=r"in time|that the caller left"):
                await client.pareto(SMALL, timeout_s=0.1)
            gate.open()

    run(test())


def test_a_fleets_solver_is_told_its_time() -> None:
    """The fleet solver ends by itself, with the best plan it has, before the caller's deadline."""
    given_s: list[float | None] = []

    def fleet_plan(fleet: Fleet, *, time_limit_s: float | None = None) -> FleetPlan:
        given_s.append(time_limit_s)
        return solve_fleet(fleet)

    async def test() -> None:
        solvers = replace(LIBRARY, fleet=fleet_plan)
        fleet = parse_fleet(small_fleet_document())
        async with planner(PlanningLimits(solve_s=2 * WAIT_S), solvers) as (client, _, _):
            await client.plan_fleet(fleet, timeout_s=10 * WAIT_S)
            await client.plan_fleet(fleet, timeout_s=WAIT_S)

    run(test())
    server_s, caller_s = given_s
    assert server_s is not None
    assert caller_s is not None
    assert WAIT_S < server_s < 2 * WAIT_S
    assert 0.0 < caller_s < WAIT_S


def test_a_fleet_that_time_does_not_suffice_for() -> None:
    """Neither plan nor proof when the time is up: too late, in the solver's words, and no claim either way."""

    def fleet_plan(fleet: Fleet, *, time_limit_s: float | None = None) -> FleetPlan:
        raise PlanError(f"{len(fleet.edges)} edges: neither a plan nor a proof after {time_limit_s} s; allow more")

    async def test() -> None:
        async with planner(solvers=replace(LIBRARY, fleet=fleet_plan)) as (client, _, _):
            with pytest.raises(SolveTimeError, match=r"gpu: 2 edges: neither a plan nor a proof after .*; allow more"):
                await client.plan_fleet(parse_fleet(small_fleet_document()), timeout_s=WAIT_S)

    run(test())
