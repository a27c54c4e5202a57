"""Sixty kinds of wrong problems, and more: each is refused with the JSON path, the value and what was expected."""

from __future__ import annotations

import json

import pytest

from joulecut_core.errors import ProblemError
from joulecut_planner.problem_file import parse_problem
from tests.planner.edited_document import complaint, edited
from tests.planner.malformed_kinds import PROBLEM_KINDS


def test_there_are_sixty_kinds_and_no_kind_twice() -> None:
    """The list is as long as it claims."""
    assert len(PROBLEM_KINDS) >= 60
    assert len({(path, repr(leaf)) for path, leaf, _ in PROBLEM_KINDS}) == len(PROBLEM_KINDS)


@pytest.mark.parametrize(("path", "leaf", "starts"), PROBLEM_KINDS)
def test_refused_with_the_path(path: str, leaf: object, starts: str) -> None:
    """The same complaint for JSON text and for parsed objects, starting with where it is wrong."""
    document = edited(path, leaf)
    assert complaint(document).startswith(starts)
    assert complaint(json.dumps(document)).startswith(starts)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "path",
    [
        "slo.latency_s",
        "slo.quantile",
        "slo.rate_hz",
        "max_accuracy_loss",
        "objective.server_weight",
        "link.uplink_bps",
        "edge.points.0.core_mhz",
        "edge.points.0.wait_w",
        "cuts.0.wires.0.uplink_bytes",
        "variants.0.accuracy_loss",
        "variants.0.server.time_s.0.0",
    ],
)
def test_no_number_may_be_infinite_or_none_at_all(path: str, value: float) -> None:
    """NaN and infinities are refused wherever a number stands, also in parsed objects that JSON never saw."""
    with pytest.raises(ProblemError) as caught:
        parse_problem(edited(path, value))
    where = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split(".")).lstrip(".")
    assert str(caught.value).startswith(f"{where}: ")
    assert "expected" in str(caught.value)
