"""Pools check themselves and freeze their lists; answers are whole or say that there is none."""

from __future__ import annotations

from typing import Any

import pytest

from joulecut_core import pools as pool_words
from joulecut_core.errors import PlanError, ProblemError
from joulecut_core.fleets import Fleet, FleetEdge, Shared
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.pool_plans import PoolPlan
from joulecut_core.pools import KindProblem, Pool, PoolEdge, PoolServer, pool_of
from joulecut_core.problems import Problem
from joulecut_planner.problem_file import parse_problem
from tests.planner.small_document import small_document


def small_problem() -> Problem:
    """A problem with a rate."""
    return parse_problem(small_document())


def small_edge(name: str = "cam") -> PoolEdge:
    """An edge that may use servers of kind "k"."""
    return PoolEdge(name=name, problems=(KindProblem(kind="k", problem=small_problem()),))


def test_lists_are_frozen() -> None:
    """Lists are taken for tuples, so a pool never changes once it is made."""
    edge: Any = PoolEdge(name="cam", problems=[KindProblem(kind="k", problem=small_problem())], routes=[])  # type: ignore[arg-type]
    pool: Any = Pool(servers=[PoolServer(name="a", kind="k")], edges=[edge], uplinks=[])  # type: ignore[arg-type]
    assert [type(part) for part in (pool.servers, pool.edges, pool.uplinks, edge.problems, edge.routes)] == [tuple] * 5


def test_the_servers_defaults_are_version_1s() -> None:
    """The bounds that version 1 shares are each server's, with the same defaults."""
    server, shared = PoolServer(name="a", kind="k"), Shared()
    assert server.server_utilisation == shared.server_utilisation
    assert server.server_wait_s == shared.server_wait_s
    assert server.server_idle_w_counts == shared.server_idle_w_counts


def test_a_fleet_without_a_limit_has_no_uplink() -> None:
    """The translation names an uplink only where there is one to share; problems are the very same objects."""
    problem = small_problem()
    fleet = Fleet(edges=(FleetEdge(name="cam", problem=problem),))
    pool = pool_of(fleet)
    assert (pool.uplinks, pool.edges[0].uplink) == ((), None)
    assert pool.edges[0].problems[0].problem is problem


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More servers, edges or uplinks than a pool may have are refused by their number."""
    monkeypatch.setattr(pool_words, "MOST_EDGES", 2)
    with pytest.raises(ProblemError, match=r"^edges: 3 of them; expected 1 to 2$"):
        Pool(servers=(PoolServer(name="a", kind="k"),), edges=tuple(small_edge(f"cam{n}") for n in range(3)))


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (lambda: Pool(servers=(PoolServer(name="a", kind="k"),), edges=(small_edge(),), schema="x"), "schema: 'x'"),
        (lambda: Pool(servers=("a",), edges=(small_edge(),)), "servers[0]: 'a'"),  # type: ignore[arg-type]
        (lambda: Pool(servers=(PoolServer(name="a", kind="k"),), edges=(7,)), "edges[0]: 7"),  # type: ignore[arg-type]
    ],
)
def test_wrong_types_are_named(make: Any, start: str) -> None:
    """Objects that are no servers and no edges, and a schema of something else."""
    with pytest.raises(ProblemError) as caught:
        make()
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"schema": "joulecut.fleet_plan/1"}, "schema: "),
        ({"status": "good"}, "status: 'good'"),
        ({"status": OPTIMAL}, "power_w, lower_bound_w, gap: "),
        ({"gap": 0.0}, "power_w, lower_bound_w, gap: "),
    ],
)
def test_half_an_answer_is_refused(changes: dict[str, Any], start: str) -> None:
    """Numbers where, and only where, there is an optimum."""
    nothing: dict[str, Any] = dict.fromkeys(("power_w", "lower_bound_w", "gap"))
    with pytest.raises(PlanError) as caught:
        PoolPlan(**({"status": INFEASIBLE, "servers": (), "edges": (), "rejected": (), **nothing} | changes))
    assert str(caught.value).startswith(start)
