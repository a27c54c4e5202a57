"""Plans as JSON: exactly the contract's fields."""

from __future__ import annotations

import json
from dataclasses import replace

from joulecut_core.problems import Slo
from joulecut_planner.exact.solver import solve
from joulecut_planner.plan_file import plan_document
from joulecut_planner.problem_file import parse_problem
from tests.planner.small_document import small_document

FIELDS = {
    *("schema", "status", "cut", "cut_name", "codec", "variant", "edge_point", "server_point"),
    *("edge_clock", "server_clock", "latency_s", "latency_bound_s", "energy_j", "edge_energy_j", "server_energy_j"),
    *("breakdown", "power_scopes", "binding", "evaluated", "solve_s"),
}
SHARES = {
    *("t_edge", "encode_s", "t_up", "rtt_s", "decode_s", "t_server", "t_down"),
    *("edge_busy_j", "edge_wait_j", "encode_j", "radio_j", "server_busy_j", "decode_j", "server_idle_j"),
}


def test_fields_of_a_plan() -> None:
    """The contract's names, no more and no fewer, as JSON can carry them."""
    problem = parse_problem(small_document())
    document = plan_document(solve(replace(problem, cuts=(problem.cuts[0], *problem.cuts[1:]))))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert set(document) == FIELDS
    assert document["schema"] == "joulecut.plan/1"
    assert isinstance(document["breakdown"], dict)
    assert set(document["breakdown"]) == SHARES
    assert document["power_scopes"] == {"edge": "module input", "server": "GPU board"}


def test_clocks_of_a_plan() -> None:
    """Clocks are given with their indices; a plan at home has no server's."""
    problem = parse_problem(small_document())
    home = tuple(replace(cut, allowed=index == 2) for index, cut in enumerate(problem.cuts))
    away = tuple(replace(cut, allowed=index == 0) for index, cut in enumerate(problem.cuts))
    at_home = plan_document(solve(replace(problem, cuts=home, slo=Slo(latency_s=0.03))))
    assert (at_home["edge_point"], at_home["server_point"], at_home["server_clock"]) == (1, None, None)
    assert at_home["edge_clock"] == {"core_mhz": 612.0, "memory_mhz": 2133.0}
    assert at_home["codec"] == "none"
    offloaded = plan_document(solve(replace(problem, cuts=away, slo=Slo())))
    assert offloaded["server_clock"] == {"core_mhz": 1980.0, "memory_mhz": None}


def test_no_choice_at_all() -> None:
    """Everything about a choice is null where there is none."""
    problem = parse_problem(small_document())
    forbidden = tuple(replace(cut, allowed=False) for cut in problem.cuts)
    document = plan_document(solve(replace(problem, cuts=forbidden)))
    said = {"schema", "status", "binding", "evaluated", "solve_s", "power_scopes"}
    assert {key for key, value in document.items() if value is not None} == said
    assert document["binding"] == ["accuracy"]
    assert document["power_scopes"] == {"edge": None, "server": None}
