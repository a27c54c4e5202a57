"""The least energy of any schedule."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from joulecut_planner.serving.bounds import least_energy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.event_loop import simulate
from joulecut_planner.serving.simulation.made_traces import MadeTrace, made_trace
from tests.planner.serving.bounds.every_schedule import every_schedule
from tests.planner.serving.joint.solved import DECISIONS, common_table
from tests.planner.serving.tables import drawn_table, gpu_like

_PRICES = (0.1, 0.3, 1.0, 3.0, 30.0)


@pytest.mark.parametrize("slow", [False, True], ids=["free changes", "changes longer than a deadline"])
@pytest.mark.parametrize("seed", range(6))
def test_no_schedule_draws_less_for_any_number_of_misses(seed: int, slow: bool) -> None:
    """The bound is a bound, with clocks held between batches and with clocks for each unit."""
    table = replace(drawn_table(seed, units=2, points=2, variants=1), switch_s=0.0, switch_j=0.0)
    costs = ServiceCosts(table)
    lone_s = costs.time_s(0, 1, costs.top)
    rng = np.random.default_rng(seed)
    arrivals_s = np.cumsum(rng.exponential(0.6 * lone_s, 4)).tolist()
    slo_s = 2.5 * lone_s
    if slow:
        table = replace(table, switch_s=1.1 * slo_s, switch_j=1e-3)
        costs = ServiceCosts(table)
    bound = least_energy(costs, arrivals_s, slo_s, prices=_PRICES)
    resting_j = min(table.idle_w) * arrivals_s[-1]
    for misses, beyond_j in every_schedule(costs, arrivals_s, slo_s).items():
        assert bound.energy_j(misses) <= resting_j + beyond_j + 1e-12


@pytest.mark.parametrize("switch_s", [0.0, 1.0], ids=["free changes", "changes longer than a deadline"])
def test_with_a_fine_grid_it_is_what_the_cheapest_schedule_draws(switch_s: float) -> None:
    """The bound is no weaker than its grid: requests far apart run alone at the cheapest clock that is in time."""
    table = gpu_like(units=1, points=4, switch_s=switch_s)
    costs = ServiceCosts(table)
    slo_s = 2.0 * costs.time_s(0, 1, costs.top)
    arrivals_s = [10.0 * (number + 1) for number in range(5)]
    resting_w = min(table.idle_w)
    in_time = [point for point in range(4) if costs.time_s(0, 1, point) <= slo_s]
    alone_j = min(costs.energy_j(0, 1, point) - resting_w * costs.time_s(0, 1, point) for point in in_time)
    bound = least_energy(costs, arrivals_s, slo_s, cells=400, prices=(50.0,))
    assert bound.energy_j(0) == pytest.approx(resting_w * arrivals_s[-1] + 5 * alone_j, rel=1e-9)


@pytest.mark.parametrize("counts_idle", [True, False])
@pytest.mark.parametrize("switch_s", [0.001, 0.01])
def test_no_policy_draws_less(switch_s: float, counts_idle: bool) -> None:
    """Whatever is simulated stays on the right side of what is called the best possible at its misses."""
    table = common_table(switch_s)
    costs = ServiceCosts(table)
    slo_s = 3.0 * costs.time_s(0, 1, costs.top)
    requests = list(made_trace(MadeTrace.POISSON, 200, 5).at_rate(2.0 / costs.time_s(0, 4, costs.top)).requests(slo_s))
    arrivals_s = [request.arrival_s for request in requests]
    bound = least_energy(costs, arrivals_s, slo_s, counts_idle=counts_idle, cells=60)
    for policy in (POLICIES["eali"](table, PolicyOptions()), JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS)):
        report = simulate(policy, requests)
        spent_j = report.energy_j if counts_idle else report.busy_j + report.switching_j
        least_j = bound.energy_per_request_j(report.requests - report.on_time)
        assert 0.5 * spent_j / report.answered < least_j <= spent_j / report.answered


def test_more_misses_never_cost_more_in_the_bound() -> None:
    """Per answer, more freedom never raises it; where all may be missed there is no answer to divide by."""
    costs = ServiceCosts(gpu_like(units=1, points=3))
    slo_s = 3.0 * costs.time_s(0, 1, costs.top)
    arrivals_s = np.cumsum(np.random.default_rng(2).exponential(0.5 * slo_s, 30)).tolist()
    bound = least_energy(costs, arrivals_s, slo_s, cells=40)
    shares = [bound.energy_per_request_j(misses) for misses in range(30)]
    assert all(later <= earlier for earlier, later in pairwise(shares))
    assert math.isnan(bound.energy_per_request_j(30))


def test_arrivals_out_of_order_are_refused() -> None:
    """The argument holds for a line in order of time only."""
    with pytest.raises(ValueError, match="order"):
        least_energy(ServiceCosts(gpu_like()), [1.0, 0.5], 1.0)
