"""The published search, step by step, and what steers it."""

from __future__ import annotations

import pytest

from joulecut_core.serving import BatchOutcome, QueuedRequest, ServerView
from joulecut_planner.serving.policies.batch_search import BatchSearch
from joulecut_planner.serving.policies.batchdvfs import BatchDvfs
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.policies.arrivals import periodic, poisson
from tests.planner.serving.tables import gpu_like


def test_batches_grow_as_published() -> None:
    """With room all the time: halfway up, to the largest, and only then the clock, a step at a time."""
    search = BatchSearch(255, 9, 5)
    seen = []
    for _ in range(12):
        search.grow()
        seen.append((search.batch, search.clock))
    batches = [128, 192, 224, 240, 248, 252, 254, 255]
    assert seen == [*((batch, 5) for batch in batches), (255, 6), (255, 7), (255, 8), (255, 9)]


def test_batches_shrink_as_published() -> None:
    """Halfway to the last size that was fine; from there, should it not be fine any more, on down to one."""
    search = BatchSearch(255, 9, 5)
    search.grow()
    search.grow()
    seen = []
    while search.shrink():
        seen.append((search.batch, search.low))
    assert seen[:7] == [(160, 128), (144, 128), (136, 128), (132, 128), (130, 128), (129, 128), (128, 128)]
    assert [batch for batch, _ in seen[7:]] == [64, 32, 16, 8, 4, 2, 1]


def test_a_search_that_stops_short_of_a_bound_takes_it_up_again() -> None:
    """Between bounds: up to the upper one, and when that is fine as well, on towards the largest."""
    search = BatchSearch(64, 3, 1)
    search.grow()
    search.shrink()
    assert (search.batch, search.low, search.high) == (17, 1, 33)
    for batch in (25, 29, 31, 32, 33, 49):
        search.grow()
        assert search.batch == batch


class Driven:
    """A controller in a closed loop: a batch of its size after the other, the power made up."""

    def __init__(self, cap_w: float) -> None:
        self.policy = BatchDvfs(gpu_like(points=10), power_cap_w=cap_w, period_s=1.0)
        self.policy.arrived(QueuedRequest(0, 0.0, 1000.0))
        self.now_s = 0.0

    def period(self, power_w: float) -> tuple[int, int]:
        waiting = [QueuedRequest(k, 0.0, 1000.0) for k in range(64)]
        self.policy.decide(ServerView(self.now_s, waiting, 5, 1))
        self.policy.completed(BatchOutcome(self.now_s, self.now_s + 0.5, 1, 0, 5, 0.5 * power_w, 0.5, 0))
        self.now_s += 1.001
        self.policy.decide(ServerView(self.now_s, waiting, 5, 1))
        return self.policy.search.batch, self.policy.search.clock


def test_the_power_cap_steers_as_published() -> None:
    """Below 80 % of the cap it grows, between 80 and 100 % it holds, above it shrinks; at one, the clock falls."""
    driven = Driven(100.0)
    assert driven.period(79.0) == (17, 5)
    assert driven.period(81.0) == (17, 5)
    assert driven.period(100.0) == (17, 5)
    assert driven.period(101.0) == (9, 5)
    assert [driven.period(150.0) for _ in range(5)] == [(5, 5), (3, 5), (2, 5), (1, 5), (1, 4)]
    assert driven.period(150.0) == (1, 3)


def test_a_slow_clock_is_found_for_few_requests() -> None:
    """Lone requests: the clock falls until they take most of half of their time, and is then left alone."""
    policy = BatchDvfs(gpu_like(points=20))
    simulate(policy, periodic(20.0, 400, slo_s=0.03))
    clock = policy.search.clock
    assert clock < 5
    report = simulate(policy, periodic(20.0, 400, start_s=100.0, slo_s=0.03))
    assert policy.search.clock == clock
    assert report.miss_rate == 0.0


def test_a_cap_bounds_what_is_drawn() -> None:
    """Under pressure the mean draw of batches ends below the cap."""
    table = gpu_like(points=20)
    capped, free = BatchDvfs(table, power_cap_w=120.0), BatchDvfs(table)
    draws = [simulate(policy, poisson(500.0, 8000, 2)) for policy in (capped, free)]
    assert draws[0].busy_j / draws[0].busy_s < 130.0 < draws[1].busy_j / draws[1].busy_s


@pytest.mark.parametrize("name", ["power_cap_w", "period_s"])
def test_nothing_to_hold_is_refused(name: str) -> None:
    """A cap or a period of nothing."""
    with pytest.raises(ValueError, match=f"{name}: 0.0; expected more than 0"):
        BatchDvfs(gpu_like(), power_cap_w=0.0) if name == "power_cap_w" else BatchDvfs(gpu_like(), period_s=0.0)
