"""Which bounds decide a plan."""

from __future__ import annotations

from typing import Any

from joulecut_core.problems import Problem
from joulecut_planner.problem_file import parse_problem
from joulecut_server.dashboard.deciding import study
from tests.planner.small_document import small_document


def _problem(*, lossy_bytes: float = 43000, loss_bound: float = 0.0, latency_s: float | None = None) -> Problem:
    """All on the edge, or its input sent raw in 60 ms or by a lossy codec; ten requests a second on the battery."""
    document: dict[str, Any] = small_document()
    document["slo"] = {"latency_s": latency_s, "rate_hz": 10}
    document["max_accuracy_loss"] = loss_bound
    document["objective"] = {"server_weight": 0.0}
    document["cuts"][0]["wires"][1]["uplink_bytes"] = lossy_bytes
    document["cuts"][1]["allowed"] = False
    return parse_problem(document)


def test_a_bound_decides_where_something_cheaper_would_break_it() -> None:
    """A lossless plan beside a lossy choice of fewer joules: the bound of 0 is why."""
    assert study(_problem(lossy_bytes=100)).deciding == {"accuracy"}


def test_a_bound_that_is_met_need_not_decide() -> None:
    """The same bound of 0, met by 0; but what loses answers would cost more, is allowed, or is not on offer."""
    dear = study(_problem(lossy_bytes=1e9))
    assert [slack.binds for slack in dear.explanation.slacks if slack.constraint == "accuracy"] == [True]
    assert dear.deciding == frozenset()
    assert study(_problem(lossy_bytes=100, loss_bound=0.5)).deciding == frozenset()


def test_a_deadline_decides_where_a_later_one_would_save() -> None:
    """At the plan's own bound, not at one that nothing comes near."""
    free = study(_problem(lossy_bytes=1e9)).explanation.plan.latency_bound_s
    assert free is not None
    assert study(_problem(lossy_bytes=1e9, latency_s=free * 0.9)).deciding == {"latency"}
    assert study(_problem(lossy_bytes=1e9, latency_s=free * 5.0)).deciding == frozenset()


def test_nothing_decides_what_cannot_be_kept() -> None:
    """A plan that is only the nearest there is was not chosen for its joules."""
    assert study(_problem(latency_s=1e-6)).deciding == frozenset()
