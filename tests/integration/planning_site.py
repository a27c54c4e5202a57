"""A server that solves problems for anybody, on a port that the system chose, and what tests ask it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import grpc.aio
from google.protobuf.message import Message

from joulecut_core.fleets import Fleet, FleetEdge, FleetPlan, Shared
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem, Slo
from joulecut_planner import parse_problem, solve
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fronts.pareto import pareto
from joulecut_proto.clients import PlannerClient
from joulecut_proto.health_service import HealthStates, add_health
from joulecut_proto.servicers import add_planner
from joulecut_server.planning.limits import PlanningLimits
from joulecut_server.planning.solving import LIBRARY, ServerSolver, Solvers
from tests.integration.site import WAIT_S
from tests.planner.drawn_problems import drawn_problem
from tests.planner.small_document import small_document
from tests.proto.fake_services import FakePlanner
from tests.proto.serving import serving
from tests.server.gates import Gate

SMALL = parse_problem(small_document())

M = TypeVar("M", bound=Message)

_MARGINS = {"cantelli": 1, "gaussian": 2}


def message_of(kind: type[M], document: Mapping[str, Any]) -> M:
    """The message of a problem's or fleet's JSON object, field by field, nothing checked."""
    message = kind()
    _fill(message, document)
    return message


def _fill(message: Message, document: Mapping[str, Any]) -> None:
    for name, value in document.items():
        if value is None:
            continue
        if name == "margin":
            setattr(message, name, _MARGINS[value])
        elif isinstance(value, Mapping):
            target = getattr(message, name)
            target.SetInParent()
            _fill(target, value)
        elif isinstance(value, list):
            _fill_list(getattr(message, name), value)
        else:
            setattr(message, name, value)


def _fill_list(target: Any, values: list[Any]) -> None:
    if hasattr(target, "rows"):
        target.SetInParent()
        for row in values:
            target.rows.add(values=row)
    else:
        for value in values:
            _fill(target.add(), value)


def run(test: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 2 * WAIT_S))


@asynccontextmanager
async def planner(
    limits: PlanningLimits | None = None, solvers: Solvers | None = None
) -> AsyncIterator[tuple[PlannerClient, grpc.aio.Channel, ServerSolver]]:
    """A server that solves and tells its health, on a port that the system chose, and a client of it."""
    solver = ServerSolver(limits or PlanningLimits(), solvers or LIBRARY)
    healthy = HealthStates()

    def add(server: grpc.aio.Server) -> None:
        add_planner(server, FakePlanner(), solver, guards=None)
        add_health(server, healthy)

    async with serving(add) as channel:
        healthy.tell([""], serving=True)
        yield PlannerClient(channel, peer="gpu"), channel, solver
    solver.close()


def gated(gate: Gate) -> Solvers:
    """Solvers that stand still in the gate before they answer."""

    def plan(problem: Problem) -> Plan:
        gate.pass_through()
        return solve(problem)

    def front(problem: Problem) -> Sequence[Plan]:
        gate.pass_through()
        return pareto(problem)

    def fleet_plan(fleet: Fleet, *, time_limit_s: float | None = None) -> FleetPlan:
        gate.pass_through()
        return solve_fleet(fleet, time_limit_s=time_limit_s)

    return Solvers(plan=plan, pareto=front, fleet=fleet_plan)


def timeless(plan: Plan) -> Plan:
    """The plan without how long it took."""
    return replace(plan, solve_s=0.0)


def timeless_fleet(plan: FleetPlan) -> FleetPlan:
    """Likewise, for each edge."""
    return replace(plan, edges=tuple(replace(edge, plan=timeless(edge.plan)) for edge in plan.edges))


def drawn_fleet(seed: int) -> Fleet:
    """Three edges of one server, with links of their own."""
    slo = Slo(latency_s=0.3, rate_hz=3.0)
    whole = [drawn_problem(seed + n, cuts=6, edge_points=4, server_points=5, slo=slo) for n in range(3)]
    server = whole[0].server
    edges = tuple(
        FleetEdge(name=f"edge-{n}", problem=replace(problem, server=server)) for n, problem in enumerate(whole)
    )
    return Fleet(edges=edges, shared=Shared(uplink_bps=5e7, server_wait_s=0.001, server_idle_w_counts=bool(seed % 2)))


def small_fleet_document() -> dict[str, Any]:
    problem = small_document() | {"slo": {"rate_hz": 2.0}}
    return {
        "schema": "joulecut.fleet/1",
        "shared": {"uplink_bps": 1e7},
        "edges": [{"name": "a", "problem": copy.deepcopy(problem)}, {"name": "b", "problem": copy.deepcopy(problem)}],
    }
