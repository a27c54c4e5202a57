"""Utilisation 1 is the most that the highest clock serves with two batches in a deadline."""

from __future__ import annotations

import pytest

from joulecut_core.serving import QueuedRequest
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.simulation.capacity import capacity
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.scripted import Eager
from tests.planner.serving.tables import gpu_like

TABLE = gpu_like()
COSTS = ServiceCosts(TABLE)


def test_the_largest_batch_that_fits_twice() -> None:
    """Larger batches serve more per second on this device, hence the deadline decides."""
    slo_s = 2.0 * COSTS.time_s(0, 7, COSTS.top)
    able = capacity(TABLE, slo_s * 1.0001)
    assert (able.batch, able.keeps_deadline) == (7, True)
    assert able.rate_hz == pytest.approx(7.0 / COSTS.time_s(0, 7, COSTS.top))


def test_without_room_for_two_it_is_the_rate_of_batches_of_one() -> None:
    """And it is said that the deadline is not kept for certain."""
    able = capacity(TABLE, COSTS.time_s(0, 1, COSTS.top))
    assert (able.batch, able.keeps_deadline) == (1, False)


def test_it_is_sustained_in_time() -> None:
    """At the capacity, evenly spaced, a server that runs what waits answers everybody by the deadline."""
    slo_s = 3.0 * COSTS.time_s(0, 1, COSTS.top)
    able = capacity(TABLE, slo_s)
    arrivals = [QueuedRequest(n, n / able.rate_hz, n / able.rate_hz + slo_s) for n in range(400)]
    assert simulate(Eager(TABLE), arrivals).late == 0
