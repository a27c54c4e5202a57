"""Precision and clock follow the load, calmly, and accuracy stays above its floor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.serving import BatchOutcome, Launch, Rest, ServerView
from joulecut_planner.serving.policies.fixed import Fixed
from joulecut_planner.serving.policies.pit import Pit
from joulecut_planner.serving.policies.sustained_rates import Setting
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.policies.arrivals import SLO_S, periodic, poisson
from tests.planner.serving.tables import drawn_table, gpu_like

TABLE = gpu_like(points=20, speed_ups=(1.0, 1.8), accuracies=(0.8, 0.798))


class Watched(Pit):
    """Remembers each setting it had."""

    def __init__(self, **options: float) -> None:
        super().__init__(TABLE, **options)  # type: ignore[arg-type]
        self.settings: list[Setting] = []

    def decide(self, view: ServerView) -> Launch | Rest:
        decision = super().decide(view)
        if self.settings[-1:] != [self.setting]:
            self.settings.append(self.setting)
        return decision


@pytest.mark.parametrize("rate_hz", [10.0, 60.0, 120.0, 200.0, 300.0, 350.0, 400.0, 410.0, 450.0, 530.0, 650.0])
def test_nothing_flaps_under_a_constant_load(rate_hz: float) -> None:
    """Once settled, the setting never changes again."""
    policy = Watched()
    simulate(policy, periodic(rate_hz, 2000))
    settled = len(policy.settings)
    assert settled <= 8
    simulate(policy, periodic(rate_hz, 2000, start_s=2000.0 / rate_hz))
    # The gap between the two runs is that between any two requests.
    assert len(policy.settings) == settled


def test_precision_falls_with_high_loads_and_returns_with_slack() -> None:
    """Full precision at a low clock, low precision under load, and back within a few periods."""
    policy = Watched()
    simulate(policy, periodic(60.0, 300))
    assert policy.setting.variant == 0
    calm = policy.setting.point
    assert calm < TABLE.points.__len__() - 1
    simulate(policy, periodic(560.0, 2000, start_s=5.0))
    assert policy.setting.variant == 1
    simulate(policy, periodic(60.0, 300, start_s=5.0 + 2000.0 / 560.0))
    assert policy.setting == Setting(0, calm)


def test_a_burst_raises_the_clock_at_once() -> None:
    """Without waiting for the period to end."""
    policy = Watched()
    simulate(policy, periodic(20.0, 100))
    low = policy.setting
    simulate(policy, periodic(500.0, 60, start_s=5.0))
    assert policy.setting.point > low.point


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), floor=st.sampled_from([0.9, 0.99, 0.995, 0.999, 1.0]))
def test_the_floor_holds_at_any_time(seed: int, floor: float) -> None:
    """The mean accuracy of all answers so far never falls below the floor, on lawless tables as well."""

    class Floored(Pit):
        total, count = 0.0, 0

        def completed(self, outcome: BatchOutcome) -> None:
            super().completed(outcome)
            self.total += self.table.variants[outcome.variant].accuracy * outcome.batch
            self.count += outcome.batch
            assert self.total / self.count >= floor * self.table.variants[0].accuracy - 1e-9

    simulate(Floored(drawn_table(seed), accuracy_floor=floor), poisson(150.0, 300, seed, slo_s=0.06))


@pytest.mark.parametrize("full_precision_only", [False, True])
def test_a_slow_clock_is_changed_seldom(full_precision_only: bool) -> None:
    """Where a change takes longer than a request has, it is made for the load, not for a batch."""
    table = gpu_like(points=20, speed_ups=(1.0, 1.8), accuracies=(0.8, 0.798), switch_s=0.02)
    bursts = [
        replace(request, id=2 * index + half, arrival_s=at_s, deadline_s=at_s + SLO_S)
        for index, request in enumerate(poisson(60.0, 2000, 5))
        for half, at_s in enumerate((request.arrival_s, request.arrival_s + 1e-4))
    ]
    requests = sorted(bursts, key=lambda request: request.arrival_s)
    pit = simulate(Pit(table, full_precision_only=full_precision_only), requests)
    fixed = simulate(Fixed(table), requests)
    assert pit.clock_changes <= 15
    assert pit.miss_rate <= fixed.miss_rate + 0.1


def test_credit_is_used_where_a_variant_is_below_the_floor() -> None:
    """A variant of 99 % under a floor of 99.5 % may answer half of the requests, and does under load."""
    table = gpu_like(points=20, speed_ups=(1.0, 1.8), accuracies=(1.0, 0.99))
    report = simulate(Pit(table, accuracy_floor=0.995), poisson(500.0, 6000, 4))
    assert 0.995 <= report.mean_accuracy < 0.9965


def test_low_precision_saves_under_load() -> None:
    """Against the same controller without precision, which never leaves full precision."""
    requests = poisson(440.0, 4000, 6)
    pit, full = (simulate(Pit(TABLE, full_precision_only=only), requests) for only in (False, True))
    assert full.mean_accuracy == pytest.approx(0.8)
    assert pit.energy_per_request_j < 0.75 * full.energy_per_request_j
    assert pit.miss_rate < full.miss_rate
    assert pit.mean_accuracy >= 0.995 * 0.8


def test_a_slower_variant_is_never_chosen() -> None:
    """Low precision that is not faster has nothing to offer."""
    slower = gpu_like(points=20, speed_ups=(1.0, 0.5), accuracies=(0.8, 0.8))
    assert simulate(Pit(slower), poisson(900.0, 2000, 8)).mean_accuracy == pytest.approx(0.8)
    assert all(launch == 0 for launch in _variants(Pit(slower)))


def _variants(policy: Pit) -> list[int]:
    seen: list[int] = []
    completed = policy.completed

    def note(outcome: BatchOutcome) -> None:
        seen.append(outcome.variant)
        completed(outcome)

    policy.completed = note  # type: ignore[method-assign]
    simulate(policy, poisson(900.0, 500, 8))
    return seen


def test_floors_and_periods_are_checked() -> None:
    """A floor is a share, a period takes time."""
    with pytest.raises(ValueError, match=r"accuracy floor: 1\.5; expected a share"):
        Pit(TABLE, accuracy_floor=1.5)
    with pytest.raises(ValueError, match=r"period_s: 0\.0; expected more than 0"):
        Pit(TABLE, period_s=0.0)
