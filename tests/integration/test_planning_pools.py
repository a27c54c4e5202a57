"""Fleets of version 2 through the three roads: the library, the planning service and the command say the same."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from joulecut.cli import app
from joulecut_core.errors import ProblemError
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import Pool, pool_of
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fleet_file import fleet_document, fleet_plan_document, load_fleet
from joulecut_proto.planning_messages import RequestSize
from joulecut_proto.v1 import planning_pb2
from joulecut_server.planning.limits import PlanningLimits
from tests.architecture.tree import ROOT
from tests.integration.planning_site import planner, run, timeless
from tests.integration.site import WAIT_S
from tests.planner.fleet.halves import halves_fleet
from tests.planner.pool.drawn_pools import drawn_pool

EXAMPLE = ROOT / "docs" / "examples" / "pool.json"


def timeless_pool(plan: PoolPlan) -> PoolPlan:
    """The plan without how long its edges' plans took."""
    return replace(plan, edges=tuple(replace(edge, plan=timeless(edge.plan)) for edge in plan.edges))


def example() -> Pool:
    """The documents' pool."""
    pool = load_fleet(EXAMPLE)
    assert isinstance(pool, Pool)
    return pool


@cache
def solved() -> PoolPlan:
    """The library's plan for it."""
    return solve_fleet(example())


def test_the_service_answers_as_the_library() -> None:
    """Every number of the plan to the last bit, for the example and for a drawn pool."""
    drawn = drawn_pool(1, 6, 2, cuts=5, edge_points=3, server_points=3)

    async def test() -> None:
        async with planner() as (client, _, _):
            for pool, plan in ((example(), solved()), (drawn, solve_fleet(drawn))):
                answer = await client.plan_pool(pool, timeout_s=WAIT_S)
                assert timeless_pool(answer) == timeless_pool(plan)

    run(test())


def test_the_service_bounds_a_pool() -> None:
    """A pool of more edges than the server takes is refused with the value and the bound."""
    most = replace(PlanningLimits().most, edges=3)

    async def test() -> None:
        async with planner(_limits(most)) as (client, _, _):
            with pytest.raises(ProblemError, match="edges: this pool has at least 4; expected at most 3"):
                await client.plan_pool(example(), timeout_s=WAIT_S)

    run(test())


def test_what_is_malformed_is_named_with_its_path() -> None:
    """The service complains in the library's words."""
    message = planning_pb2.Pool(servers=[planning_pb2.PoolServer(name="a", kind="k")])

    async def test() -> None:
        async with planner() as (_, channel, _):
            call: Any = channel.unary_unary(
                "/joulecut.v1.Planner/PlanFleet",
                request_serializer=planning_pb2.PlanFleetRequest.SerializeToString,
                response_deserializer=planning_pb2.PlanFleetReply.FromString,
            )
            with pytest.raises(Exception, match="edges: 0 of them; expected 1 to"):
                await call(planning_pb2.PlanFleetRequest(pool=message), timeout=WAIT_S)

    run(test())


def test_the_command_answers_as_the_library(tmp_path: Path) -> None:
    """`joulecut plan --json` prints the library's document; without it a table of servers and one of edges."""
    path = tmp_path / "pool.json"
    path.write_text(json.dumps(fleet_document(example())), encoding="utf-8")
    done = CliRunner().invoke(app, ["plan", str(path), "--json"])
    assert done.exit_code == 0, done.output
    assert _timeless(json.loads(done.stdout)) == _timeless(fleet_plan_document(solved()))
    shown = CliRunner().invoke(app, ["plan", str(path)])
    assert shown.exit_code == 0, shown.output
    assert all(word in shown.stdout for word in ("shelf-1", "parked", "serving", "gate", "no plan draws less than"))


def test_an_infeasible_pool_ends_with_3(tmp_path: Path) -> None:
    """Edges that have to offload and cannot be served together: an answer, and the exit code for it."""
    path = tmp_path / "pool.json"
    path.write_text(json.dumps(fleet_document(pool_of(halves_fleet([1.0, 1.0, 0.9])))), encoding="utf-8")
    done = CliRunner().invoke(app, ["plan", str(path), "--json"])
    document = json.loads(done.stdout)
    assert (done.exit_code, document["status"], document["servers"]) == (3, "infeasible", [])


def _timeless(document: dict[str, Any]) -> dict[str, Any]:
    for edge in document["edges"]:
        edge["plan"]["solve_s"] = 0.0
    return document


def _limits(most: RequestSize) -> PlanningLimits:
    return replace(PlanningLimits(), edges=most.edges)
