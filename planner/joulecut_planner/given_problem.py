"""What is given to be planned: a problem, and not the file or the JSON object that holds it."""

from __future__ import annotations

from joulecut_core.argument_types import expect_type
from joulecut_core.problems import Problem


def expect_problem(problem: object) -> None:
    """Raise TypeError, with how to come by one, where `problem` is no Problem."""
    expect_type("problem", problem, Problem, "read a file with load_problem, a JSON object with parse_problem")
