"""The budget of misses grows stricter as it is spent, and forgives within bounds."""

from __future__ import annotations

import pytest

from joulecut_planner.serving.joint.budget import MissBudget


def test_misses_make_stricter_and_requests_forgive() -> None:
    """From in between to the strictest by misses, back to the most lenient by requests without any."""
    budget = MissBudget(0.01, 5)
    start = budget.strictness
    assert 0 < start < 5
    budget.missed(1000)
    assert budget.strictness == 5
    for _ in range(10_000):
        budget.asked()
    assert budget.strictness == 0


def test_debts_are_bounded() -> None:
    """A disaster is paid off by some hundred requests of the tolerated share, not by all that follow."""
    budget = MissBudget(0.01, 5)
    budget.missed(1_000_000)
    for _ in range(2000):
        budget.asked()
    assert budget.strictness < 5


def test_a_share_is_a_share() -> None:
    """None, or all, of the requests cannot be tolerated to be missed."""
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match="tolerated_share"):
            MissBudget(share, 3)
