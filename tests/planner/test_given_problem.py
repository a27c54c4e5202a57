"""Whoever gives a file's name, a JSON object or a word instead of what is meant is told how to come by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from joulecut_planner import (
    break_points,
    build_problem,
    explain,
    pareto,
    plan_policy,
    solve,
    solve_fleet,
    what_if,
)
from tests.planner.drawn_problems import drawn_problem
from tests.planner.synthetic_profiles import planning_inputs


@pytest.mark.parametrize("given", ["camera.json", {}, None], ids=["file", "object", "none"])
@pytest.mark.parametrize(
    "function",
    [solve, pareto, explain, what_if, lambda given: break_points(given, 1e6, 2e6)],
    ids=["solve", "pareto", "explain", "what_if", "break_points"],
)
def test_no_problem(function: Callable[[Any], object], given: object) -> None:
    """Every function of a problem says what it was given and which functions read one."""
    with pytest.raises(TypeError, match=r"^problem: .* expected Problem: read a file with load_problem") as refused:
        function(given)
    assert type(given).__name__ in str(refused.value)


def test_no_fleet() -> None:
    """Fleets have a reader of their own."""
    with pytest.raises(
        TypeError, match=r"^fleet: 'fleet\.json' .* expected Fleet or Pool: read a file with load_fleet$"
    ):
        solve_fleet("fleet.json")  # type: ignore[call-overload]  # what is refused


@pytest.mark.parametrize("function", [what_if, lambda problem, downlink: break_points(problem, 1e6, 2e6, downlink)])
def test_a_downlink_is_no_word(function: Callable[..., object]) -> None:
    """The word counted as a fixed downlink, whatever it said, and the table bore it all the same."""
    with pytest.raises(
        TypeError, match=r"^downlink: 'proportional' is of type str; expected Downlink: Downlink\.FIXED or"
    ):
        function(drawn_problem(3, cuts=3, edge_points=2, server_points=2), downlink="proportional")


def test_policy_and_model_are_no_words() -> None:
    """The word cpu-dvfs made the plan of the other model."""
    inputs = planning_inputs()
    with pytest.raises(TypeError, match=r"^policy: 'cpu-dvfs' is of type str; expected Policy: "):
        plan_policy(cast(Any, "cpu-dvfs"), inputs)
    with pytest.raises(TypeError, match=r"^model: 'cpu-dvfs' is of type str; expected ModelKind: "):
        build_problem(inputs, model=cast(Any, "cpu-dvfs"))
