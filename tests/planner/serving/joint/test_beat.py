"""How many run together where arrivals keep a beat."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.serving import QueuedRequest
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint import JoulecutPolicy
from joulecut_planner.serving.joint.beat import Beats
from joulecut_planner.serving.joint.ways import find_ways
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.joint.arrivals import three_lone_s
from tests.planner.serving.joint.solved import few_loads
from tests.planner.serving.tables import gpu_like

_TABLE = gpu_like(units=1, points=2, batches=(1, 2, 4, 8), switch_s=0.05)
_COSTS = ServiceCosts(_TABLE)
_SLO_S = three_lone_s(_COSTS)


def _beats() -> Beats:
    return Beats(find_ways(_COSTS, (0,), 8), _SLO_S)


def _requests(gap_s: float, jitter: float, count: int) -> list[QueuedRequest]:
    gaps_s = gap_s * (1.0 + jitter * np.random.default_rng(1).uniform(-1.0, 1.0, count))
    return [QueuedRequest(index, at_s, at_s + _SLO_S) for index, at_s in enumerate(np.cumsum(gaps_s).tolist())]


@pytest.mark.parametrize("rate", [0.5, 1.0, 1.5, 2.0])
def test_the_batch_is_the_cheapest_that_fills_and_ends_in_time(rate: float) -> None:
    """What is gathered is found by going through all sizes at the highest clock, a deadline and the next batch kept."""
    gap_s = 1.0 / (rate / _COSTS.time_s(0, 1, 1))
    idle_w = _TABLE.idle_w[1]
    costs_j = {
        size: (_COSTS.energy_j(0, size, 1) - idle_w * _COSTS.time_s(0, size, 1)) / size
        for size in range(1, 9)
        if _COSTS.time_s(0, size, 1) <= min(_SLO_S - (size - 1 + 0.02 * size**0.5) * gap_s, size * gap_s)
    }
    assert _beats().batch(1, 1.0 / gap_s, 0.0, math.inf) == min(costs_j, key=lambda size: costs_j[size])


def test_more_jitter_gathers_no_more() -> None:
    """Who may be late is counted upon less."""
    rate_hz = 1.5 / _COSTS.time_s(0, 1, 1)
    gathered = [_beats().batch(1, rate_hz, variation, math.inf) for variation in (0.0, 0.1, 0.24)]
    assert gathered == sorted(gathered, reverse=True)


def test_too_many_keep_no_beat() -> None:
    """Where no batch keeps up with the arrivals there is nothing to gather for."""
    assert _beats().batch(1, 1e6, 0.0, math.inf) == 0


def _gathered(switch_s: float, usual_j: float) -> int:
    """At the highest clock, where the clock changes in so long and the values foresee so much."""
    ways = find_ways(ServiceCosts(replace(_TABLE, switch_s=switch_s)), (0,), 8)
    return Beats(ways, _SLO_S).batch(1, 1.5 / _COSTS.time_s(0, 1, 1), 0.0, usual_j)


def test_where_clocks_change_quickly_a_dearer_beat_is_left() -> None:
    """What a beat costs at the clock held is not the least there is, where a lower clock is a moment away."""
    assert _gathered(0.01 * _SLO_S, 0.0) == 0
    assert _gathered(0.01 * _SLO_S, math.inf) > 0


def test_where_clocks_change_slowly_a_beat_is_kept_at_the_clock_held() -> None:
    """The cheaper clock that the values have in mind is out of reach without a miss."""
    assert _gathered(10.0 * _SLO_S, 0.0) == _gathered(10.0 * _SLO_S, math.inf) > 0


def _policy() -> JoulecutPolicy:
    with few_loads():
        return JoulecutPolicy(_TABLE, slo_s=_SLO_S)


@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_a_beat_costs_no_more_than_with_the_rules_of_others(jitter: float) -> None:
    """Under regular arrivals nobody is missed, and batches are as large as EALI's at least."""
    requests = _requests(_COSTS.time_s(0, 1, 1) / 1.3, jitter, 1500)
    ours, theirs = (simulate(policy, requests) for policy in (_policy(), POLICIES["eali"](_TABLE, PolicyOptions())))
    assert ours.miss_rate == theirs.miss_rate == 0.0
    assert ours.energy_per_request_j <= 1.005 * theirs.energy_per_request_j


def test_a_beat_that_breaks_off_keeps_nobody_waiting() -> None:
    """When the next does not come, those who wait run in time all the same."""
    requests = [request for request in _requests(_COSTS.time_s(0, 1, 1) / 1.3, 0.0, 600) if request.id % 50 < 40]
    report = simulate(_policy(), requests)
    assert report.late == 0
    assert report.miss_rate < 0.01
