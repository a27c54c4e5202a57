"""The fewest misses of any schedule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_planner.serving.bounds import fewest_misses
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.event_loop import simulate
from joulecut_planner.serving.simulation.made_traces import MadeTrace, made_trace
from tests.planner.serving.bounds.every_schedule import every_schedule
from tests.planner.serving.joint.solved import DECISIONS, common_table
from tests.planner.serving.tables import drawn_table, gpu_like


@pytest.mark.parametrize("seed", range(12))
def test_no_schedule_misses_fewer_and_one_misses_as_few(seed: int) -> None:
    """The figure is exact: what a search over all subsets, orders and clocks finds on tables without any law."""
    table = replace(drawn_table(seed, units=1, points=2, variants=1), switch_s=0.0, switch_j=0.0)
    costs = ServiceCosts(table)
    rng = np.random.default_rng(seed)
    arrivals_s = np.cumsum(rng.exponential(0.4 * costs.time_s(0, 1, costs.top), 4)).tolist()
    slo_s = float(rng.uniform(1.0, 2.5)) * costs.time_s(0, 1, costs.top)
    assert fewest_misses(costs, arrivals_s, slo_s) == min(every_schedule(costs, arrivals_s, slo_s))


@pytest.mark.parametrize("load", [0.6, 1.2])
def test_no_policy_misses_fewer(load: float) -> None:
    """Whatever is simulated stays on the right side of what is called the best possible."""
    table = common_table(0.01)
    costs = ServiceCosts(table)
    slo_s = 3.0 * costs.time_s(0, 1, costs.top)
    rate_hz = load * 8.0 / costs.time_s(0, 8, costs.top)
    requests = list(made_trace(MadeTrace.POISSON, 400, 3).at_rate(rate_hz).requests(slo_s))
    fewest = fewest_misses(costs, [request.arrival_s for request in requests], slo_s)
    policies = [*(POLICIES[name](table, PolicyOptions()) for name in ("fixed", "eali"))]
    for policy in (*policies, JoulecutPolicy(table, slo_s=slo_s, kept=DECISIONS)):
        report = simulate(policy, requests)
        assert report.requests - report.on_time >= fewest
    assert fewest > 0 or load < 1.0


def test_requests_that_nobody_can_serve_are_all_missed() -> None:
    """A deadline shorter than any batch leaves nobody in time; none at all leaves nobody to miss."""
    costs = ServiceCosts(gpu_like())
    assert fewest_misses(costs, [0.0, 0.1, 0.2], 1e-6) == 3
    assert fewest_misses(costs, [], 1.0) == 0


def test_arrivals_out_of_order_are_refused() -> None:
    """The argument holds for a line in order of time only."""
    with pytest.raises(ValueError, match="order"):
        fewest_misses(ServiceCosts(gpu_like()), [1.0, 0.5], 1.0)
