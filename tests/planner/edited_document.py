"""The small problem with one thing changed, and what reading it says."""

from __future__ import annotations

from typing import Any

import pytest

from joulecut_core.errors import ProblemError
from joulecut_planner.problem_file import parse_problem
from tests.planner.small_document import small_document

MISSING = object()


def edited(path: str, leaf: object) -> dict[str, Any]:
    """The small document with the value at a dotted path set, or taken out."""
    document = small_document()
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    owner: Any = document
    for step in parents:
        owner = owner[step]
    if leaf is MISSING:
        del owner[last]
    else:
        owner[last] = leaf
    return document


def complaint(source: str | dict[str, Any]) -> str:
    """What parsing says."""
    with pytest.raises(ProblemError) as caught:
        parse_problem(source)
    return str(caught.value)
