"""Fleets check themselves; answers are whole or say that there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from joulecut_core.errors import PlanError, ProblemError
from joulecut_core.fleets import Fleet, FleetEdge, FleetPlan, Shared
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Problem, Server, ServerPoint, Slo
from joulecut_planner.problem_file import parse_problem
from tests.planner.small_document import small_document


def small_problem() -> Problem:
    """A problem with a rate."""
    return parse_problem(small_document())


def test_shared_limits_have_the_contracts_defaults() -> None:
    """No access point's limit, 80 % of the server, no queueing, idle draw left out."""
    fleet = Fleet(edges=(FleetEdge(name="a", problem=small_problem()),))
    assert fleet.shared == Shared(
        uplink_bps=None, server_utilisation=0.8, server_wait_s=0.0, server_idle_w_counts=False
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("uplink_bps", 0.0),
        ("uplink_bps", -1.0),
        ("uplink_bps", float("inf")),
        ("uplink_bps", True),
        ("server_utilisation", -0.1),
        ("server_utilisation", 1.5),
        ("server_utilisation", float("nan")),
        ("server_utilisation", None),
        ("server_wait_s", -1e-9),
        ("server_wait_s", 10**400),
        ("server_idle_w_counts", 1),
    ],
)
def test_shared_limits_out_of_range_are_refused_by_path(field: str, value: Any) -> None:
    """The complaint starts with the JSON path."""
    with pytest.raises(ProblemError, match=rf"^shared\.{field}: "):
        Fleet(edges=(FleetEdge(name="a", problem=small_problem()),), shared=Shared(**{field: value}))


def test_a_utilisation_of_all_or_nothing_is_a_bound_like_any_other() -> None:
    """Both ends of the range are allowed."""
    for share in (0, 1):
        fleet = Fleet(edges=(FleetEdge(name="a", problem=small_problem()),), shared=Shared(server_utilisation=share))
        assert fleet.shared.server_utilisation == share


def test_every_edge_has_a_rate() -> None:
    """Watts of an edge are joules times its rate."""
    problem = replace(small_problem(), slo=Slo(latency_s=0.05))
    edges = (FleetEdge(name="a", problem=small_problem()), FleetEdge(name="b", problem=problem))
    with pytest.raises(ProblemError, match=r"^edges\[1\]\.problem\.slo\.rate_hz: None; expected a number above 0"):
        Fleet(edges=edges)


def test_names_are_unique() -> None:
    """The second of two equal names is pointed at."""
    edges = tuple(FleetEdge(name=name, problem=small_problem()) for name in ("a", "b", "a"))
    with pytest.raises(ProblemError, match=r"^edges\[2\]\.name: 'a' again; expected unique names"):
        Fleet(edges=edges)


def test_all_edges_share_one_server() -> None:
    """Server points equal by value pass; others are refused."""
    problem = small_problem()
    Fleet(edges=(FleetEdge(name="a", problem=problem), FleetEdge(name="b", problem=small_problem())))
    other = replace(problem, server=Server(points=(ServerPoint(core_mhz=1000.0, memory_mhz=None),)))
    with pytest.raises(ProblemError, match=r"^edges\[1\]\.problem\.server\.points: "):
        Fleet(edges=(FleetEdge(name="a", problem=problem), FleetEdge(name="b", problem=other)))


def test_a_fleet_has_edges() -> None:
    """An empty list, or something that is none, is refused."""
    for edges in ((), None, "ab"):
        with pytest.raises(ProblemError, match=r"^edges: "):
            Fleet(edges=edges)  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match=r"^edges\[0\]: "):
        Fleet(edges=("a",))  # type: ignore[arg-type]


def test_an_answer_is_whole_or_infeasible() -> None:
    """Numbers stand where, and only where, there is a plan."""
    empty: dict[str, Any] = {"server_point": None, "edges": (), "rejected": ()}
    numbers: dict[str, Any] = {"power_w": 1.0, "lower_bound_w": 1.0, "gap": 0.0}
    nothing: dict[str, Any] = dict.fromkeys(numbers)
    assert FleetPlan(status=OPTIMAL, **empty, **numbers).gap == 0.0
    assert FleetPlan(status=INFEASIBLE, **empty, **nothing).power_w is None
    with pytest.raises(PlanError, match="power_w, lower_bound_w, gap"):
        FleetPlan(status=OPTIMAL, **empty, **nothing)
    with pytest.raises(PlanError, match="power_w, lower_bound_w, gap"):
        FleetPlan(status=INFEASIBLE, **empty, **numbers)
    with pytest.raises(PlanError, match=r"^status: 'good'"):
        FleetPlan(status="good", **empty, **numbers)
    with pytest.raises(PlanError, match=r"^schema: "):
        FleetPlan(status=OPTIMAL, **empty, **numbers, schema="joulecut.fleet_plan/0")
