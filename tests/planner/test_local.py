"""The plan an edge makes alone is the best of its own clocks, as the full problem would price it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.plans import INFEASIBLE
from joulecut_core.problems import Objective, Slo
from joulecut_planner.local import local_plan
from joulecut_planner.policies import Policy, plan_policy
from joulecut_planner.tails import TailEstimates, TailMethod, fit_tail
from tests.planner.synthetic_profiles import planning_inputs


@pytest.mark.parametrize("slo", [Slo(latency_s=0.2, rate_hz=5.0), Slo(latency_s=0.05, quantile=0.9), Slo()])
def test_equals_the_edge_clock_policy(slo: Slo) -> None:
    """Clock, latency and energy are those of the best all-edge plan; nothing of a server is in it."""
    inputs = replace(planning_inputs(), slo=slo)
    alone, best = local_plan(inputs.edge, slo, inputs.objective), plan_policy(Policy.EDGE_CLOCK, inputs).plan
    assert alone.edge_clock == best.edge_clock
    assert alone.latency_s == pytest.approx(best.latency_s)
    assert alone.energy_j == pytest.approx(best.energy_j)
    assert (alone.server_clock, alone.codec, alone.cut_name) == (None, "none", "output")


def test_too_slow_alone() -> None:
    """Where no clock keeps the deadline the edge still has the fastest one to run at."""
    alone = local_plan(planning_inputs().edge, Slo(latency_s=0.001), Objective())
    assert alone.status == INFEASIBLE
    assert alone.edge_clock is not None
    assert alone.edge_clock.core_mhz == 600.0


def test_a_tail_takes_the_place_of_the_spread() -> None:
    """Alone too the bound is the tail's: at the same clock, later than a mean without a quantile by its excess."""
    edge = planning_inputs().edge
    slo = Slo(latency_s=0.2, quantile=0.9, margin="gaussian", rate_hz=5.0)
    tail = fit_tail(np.linspace(0.8, 1.6, 401), TailMethod.EMPIRICAL)
    alone = local_plan(edge, slo, Objective(), tails=TailEstimates(edge=tail))
    assert alone.latency_s is not None
    assert alone.latency_bound_s == pytest.approx(alone.latency_s * tail.quantile(0.9))
    assert replace(local_plan(edge, slo, Objective(), tails=TailEstimates()), solve_s=0.0) == replace(
        local_plan(edge, slo, Objective()), solve_s=0.0
    )
