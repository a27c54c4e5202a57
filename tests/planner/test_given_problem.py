"""Whoever gives a file's name or a JSON object instead of a problem is told how to read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from joulecut_planner import break_points, explain, pareto, solve, solve_fleet, what_if


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
