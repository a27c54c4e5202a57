"""Whom to serve when not all can be: many young ones before an old one, urgent ones before others."""

from __future__ import annotations

from joulecut_core.serving import QueuedRequest, RejectReason
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.forecast import ArrivalForecast
from joulecut_planner.serving.joint.loads import Loads, loads_of
from joulecut_planner.serving.joint.overload import best_batch, by_priority, hopeless
from tests.planner.serving.joint.arrivals import three_lone_s
from tests.planner.serving.joint.solved import DECISIONS, common_table

_TABLE = common_table()
_COSTS = ServiceCosts(_TABLE)
_SLO_S = three_lone_s(_COSTS)


def _loads() -> Loads:
    return loads_of(_TABLE, _SLO_S, (0,), kept=DECISIONS)


def test_an_old_one_goes_for_many_young_ones() -> None:
    """One that could only run alone would cost seven others their deadlines: it is let go, they run together."""
    loads = _loads()
    load = loads.at(ArrivalForecast(loads.capacity_hz, 1.0), 11)
    alone_s, together_s = (_COSTS.fastest(0, size).time_s for size in (1, 7))
    slacks_s = [1.01 * alone_s, *[1.05 * together_s] * 7]
    choice = best_batch(load, loads.limits, 0, slacks_s, loads.capacity_hz, loads.grid.step_s)
    assert choice is not None
    assert (choice.let_go, choice.size) == (1, 7)


def test_a_backlog_of_lost_ones_does_not_hide_the_others() -> None:
    """Hundreds who cannot be in time stand before eight who can: the eight run."""
    loads = _loads()
    load = loads.at(ArrivalForecast(loads.capacity_hz, 1.0), 11)
    slacks_s = [1e-4] * 500 + [_SLO_S] * 8
    choice = best_batch(load, loads.limits, 0, slacks_s, loads.capacity_hz, loads.grid.step_s)
    assert choice is not None
    assert (choice.let_go, choice.size) == (500, 8)


def test_nobody_in_time_is_nobody() -> None:
    """Where not even the last can be served there is no batch to choose."""
    loads = _loads()
    load = loads.at(ArrivalForecast(1.0, 1.0), 0)
    assert best_batch(load, loads.limits, 0, [1e-6, 1e-6], 1.0, loads.grid.step_s) is None


def test_priority_comes_first() -> None:
    """An urgent request with little time keeps the others out of its batch, not they it."""
    loads = _loads()
    alone_s = _COSTS.fastest(0, 1).time_s
    line = [QueuedRequest(1, 0.0, 1.01 * alone_s, priority=1), *(QueuedRequest(i, 0.0, _SLO_S) for i in (2, 3))]
    assert [request.id for request in by_priority(line, loads.limits, 0, 0.0)] == [1]


def test_the_hopeless_are_named() -> None:
    """Too late even alone, too late behind a batch, and in time: the reasons differ, the last one stays."""
    loads = _loads()
    alone_s = loads.limits.alone_s[0]
    line = [QueuedRequest(1, 0.0, 0.5 * alone_s), QueuedRequest(2, 0.0, 1.5 * alone_s), QueuedRequest(3, 0.0, _SLO_S)]
    gone = {each.id: each for each in hopeless(line, loads.limits, 0.0, 1.6 * alone_s, 1.0 / loads.capacity_hz)}
    assert {key: each.reason for key, each in gone.items()} == {1: RejectReason.LATE, 2: RejectReason.OVERLOAD}
    assert gone[2].retry_after_s >= 1.6 * alone_s
