"""Clipper's limit moves as published: up by a fixed amount, down by a tenth."""

from __future__ import annotations

import pytest

from joulecut_core.serving import BatchOutcome, QueuedRequest
from joulecut_planner.serving.policies.batching_only import BatchingOnly
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.policies.arrivals import poisson
from tests.planner.serving.tables import gpu_like


def outcome(batch: int, took_s: float) -> BatchOutcome:
    return BatchOutcome(0.0, took_s, batch, 0, 7, 1.0, took_s, 0)


def test_additive_increase_multiplicative_decrease() -> None:
    """One more after each full batch within the objective, a tenth less after one beyond it, never below one."""
    policy = BatchingOnly(gpu_like())
    policy.arrived(QueuedRequest(0, 0.0, 0.020))
    limits = []
    for took_s in (0.005, 0.006, 0.007, 0.008, 0.009, 0.010, 0.011, 0.012):
        policy.completed(outcome(policy.limit(), took_s))
        limits.append(policy.limit())
    assert limits == [2, 3, 4, 5, 6, 7, 6, 5]  # 7 x 0.9 = 6.3, x 0.9 = 5.67
    for _ in range(40):
        policy.completed(outcome(1, 0.015))
    assert policy.limit() == 1


def test_a_batch_that_was_not_full_says_nothing() -> None:
    """Quick small batches do not raise a limit they never touched."""
    policy = BatchingOnly(gpu_like())
    policy.arrived(QueuedRequest(0, 0.0, 0.020))
    for _ in range(4):
        policy.completed(outcome(policy.limit(), 0.005))
    for _ in range(10):
        policy.completed(outcome(2, 0.005))
    assert policy.limit() == 5


def test_it_finds_the_batch_that_fits_half_of_the_deadline() -> None:
    """Under pressure the limit saws around the largest batch of 7.5 ms, which the table says is four or five."""
    policy = BatchingOnly(gpu_like())
    report = simulate(policy, poisson(900.0, 5000, 1))
    assert 3 <= policy.limit() <= 6
    assert report.clock_changes == 0


def test_no_increase_is_refused() -> None:
    """It would never batch."""
    with pytest.raises(ValueError, match=r"increase: 0\.0; expected"):
        BatchingOnly(gpu_like(), increase=0.0)
