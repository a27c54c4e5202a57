"""Lines of requests with a lot of time, longer than a batch or than the values know: they are worked off in time."""

from __future__ import annotations

import math

import pytest

from joulecut_core.serving import QueuedRequest
from joulecut_planner.serving.joint.overload import slowest_pace_s
from joulecut_planner.serving.joint.policy import JoulecutPolicy
from joulecut_planner.serving.simulation.capacity import capacity
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.joint.arrivals import poisson
from tests.planner.serving.joint.solved import few_loads
from tests.planner.serving.scripted import Eager
from tests.planner.serving.tables import gpu_like

_SLO_S = 0.2
"""Forty times what a request takes alone."""


@pytest.mark.parametrize("urgent", [0, 1], ids=["alike", "some first"])
@pytest.mark.parametrize(("batches", "switch_s"), [((1,), 0.0), ((1, 2, 4, 8), 0.01)], ids=["one by one", "batches"])
def test_a_line_never_eats_up_its_time(batches: tuple[int, ...], switch_s: float, urgent: int) -> None:
    """Four fifths of what the device can do, from a cold start: as few miss as are let, and joules are saved."""
    table = gpu_like(units=1, points=3, batches=batches, switch_s=switch_s)
    rate_hz = 0.8 * capacity(table, _SLO_S).rate_hz
    requests = [
        QueuedRequest(each.id, each.arrival_s, each.deadline_s, priority=urgent * (each.id % 2))
        for each in poisson(rate_hz, _SLO_S, count=int(4.0 * rate_hz), seed=5)
    ]
    with few_loads():
        report = simulate(JoulecutPolicy(table, slo_s=_SLO_S), requests)
    eager = simulate(Eager(table), requests)
    assert report.miss_rate <= 0.0075
    assert report.energy_per_request_j < 0.92 * eager.energy_per_request_j


def test_a_pace_keeps_everybody_in_time() -> None:
    """Behind a batch of two the fourth batch decides, or the second; who may overtake takes time as well."""
    assert slowest_pace_s([0.25, 0.26, 0.30, 0.31, 0.36], 2) == pytest.approx(0.36 / 4)
    assert slowest_pace_s([0.10, 0.26, 0.30], 2) == pytest.approx(0.10 / 2)
    assert slowest_pace_s([0.10], 2, overtaking_hz=40.0) == pytest.approx(0.10 / (2 + 0.10 * 40.0 / 2))
    assert slowest_pace_s([], 2) == math.inf
