"""The small parts that policies share: rates, the guard, the clock to rest at, the floor, what settings sustain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson as poisson_law

from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.policies.accuracy_floor import AccuracyFloor
from joulecut_planner.serving.policies.arrival_rate import ArrivalRate
from joulecut_planner.serving.policies.guard import RISK, Guard
from joulecut_planner.serving.policies.resting import RestingClock
from joulecut_planner.serving.policies.sustained_rates import Setting, SustainedRates
from joulecut_planner.serving.simulation.capacity import capacity
from tests.planner.serving.policies.arrivals import SLO_S, periodic, poisson
from tests.planner.serving.tables import gpu_like
from tests.thoroughness import examples


def test_the_rate_is_found_and_forgotten() -> None:
    """A constant rate within a few per cent from early on; an unbiased one of a Poisson process; silence decays."""
    rate = ArrivalRate(0.3)
    assert rate.rate_hz(0.0) == 0.0
    for request in periodic(200.0, 400):
        rate.arrived(request.arrival_s)
        if request.arrival_s > 0.1:
            assert rate.rate_hz(request.arrival_s) == pytest.approx(200.0, rel=0.05)
    assert rate.rate_hz(1.995 + 0.3) < 100.0
    seen = []
    rate = ArrivalRate(0.3)
    for request in poisson(200.0, 4000, 1):
        rate.arrived(request.arrival_s)
        seen.append(rate.rate_hz(request.arrival_s))
    assert np.mean(seen[200:]) == pytest.approx(200.0, rel=0.03)


@settings(max_examples=examples(100), deadline=None)
@given(st.floats(1.0, 2000.0), st.floats(0.006, 0.05))
def test_the_guard_keeps_its_risk(rate_hz: float, slo_s: float) -> None:
    """While a batch runs that long, more than can be served in time come with the stated probability at most."""
    seconds = [0.004 + 0.001 * count for count in range(1, 33)]
    longest_s = Guard(seconds).longest_s(slo_s, rate_hz)
    served = sum(time_s <= slo_s - longest_s + 1e-12 for time_s in seconds)
    assert longest_s > 0.0
    assert served >= 1
    assert poisson_law.sf(served, rate_hz * longest_s) <= RISK + 1e-9


def test_resting_low_pays_for_the_changes() -> None:
    """For long gaps, where changing is quick; never where idling does not count."""
    table = replace(gpu_like(points=8, switch_s=1e-4), switch_j=0.1)
    resting = RestingClock(table)
    assert resting.point(7, 1.0, 0.01) == 0
    assert resting.point(7, 0.001, 0.01) == 7
    assert RestingClock(replace(table, switch_s=0.005)).point(7, 1.0, 0.01) == 7
    assert RestingClock(table, counts_idle=False).point(7, 1.0, 0.01) == 7


def test_credit_is_earned_and_spent() -> None:
    """Full precision earns what low precision spends; a variant above the floor is always allowed."""
    table = gpu_like(speed_ups=(1.0, 1.5, 2.0), accuracies=(1.0, 0.996, 0.985))
    floor = AccuracyFloor(table, 0.995)
    assert floor.permits(1, 1000)
    assert not floor.permits(2, 1)
    floor.answered(0, 4)
    assert floor.permits(2, 2)
    assert not floor.permits(2, 3)
    floor.answered(2, 2)
    assert not floor.permits(2, 1)


def test_the_highest_clock_sustains_the_capacity() -> None:
    """What utilisation is a share of, and less at lower clocks; a clock too slow for one request sustains nothing."""
    table = gpu_like(points=8)
    rates = SustainedRates(ServiceCosts(table), counts_idle=True)
    rates.hold(SLO_S)
    sustained = [rates.rate_hz(Setting(0, point)) for point in range(8)]
    assert sustained[7] == rates.most_hz[0] == pytest.approx(capacity(table, SLO_S).rate_hz)
    assert sustained == sorted(sustained)
    assert sustained[0] == 0.0
    cheapest = rates.cheapest(0, 100.0, 0.65)
    assert cheapest is not None
    assert sustained[cheapest.point] * 0.65 >= 100.0
    assert rates.cheapest(0, 10_000.0, 0.65) is None
