"""One request at a time, at the clock that the queue and the load allow."""

from __future__ import annotations

from joulecut_core.serving import Launch, QueuedRequest, ServerView
from joulecut_planner.serving.policies.dvfs_only import DvfsOnly
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.policies.arrivals import SLO_S, periodic
from tests.planner.serving.tables import gpu_like

TABLE = gpu_like(points=20)


def clock(count: int, slo_s: float) -> int:
    """The clock for the first of some requests of one deadline."""
    policy = DvfsOnly(TABLE)
    waiting = [QueuedRequest(k, 0.0, slo_s) for k in range(count)]
    policy.arrived(waiting[0])
    launch = policy.decide(ServerView(0.0, waiting, 19, count))
    assert isinstance(launch, Launch)
    assert launch.batch == 1
    return launch.points[0]


def test_the_clock_rises_with_the_queue() -> None:
    """The more wait for a deadline, the less time each may take; when it does not suffice, the highest clock."""
    clocks = [clock(count, 0.04) for count in (1, 4, 5, 6, 7, 8, 12)]
    assert clocks == sorted(clocks)
    assert clocks[0] < clocks[3] < clocks[5] == clocks[6] == 19


def test_all_of_a_queue_are_in_time() -> None:
    """Six at once, served one after the other at the clock chosen."""
    burst = [QueuedRequest(k, 0.0, 0.04) for k in range(6)]
    report = simulate(DvfsOnly(TABLE), burst)
    assert report.on_time == 6
    assert report.batches == 6


def test_who_comes_meanwhile_is_in_time() -> None:
    """A lone request does not use up the time of the next one."""
    pairs = [
        QueuedRequest(2 * k + j, 0.5 * k + 0.0001 * j, 0.5 * k + 0.0001 * j + SLO_S) for k in range(20) for j in (0, 1)
    ]
    assert simulate(DvfsOnly(TABLE), pairs).on_time == 40


def test_it_rests_where_little_is_drawn() -> None:
    """The idle draw of a rare load is that of the lowest clock; unless idling is nobody's concern."""
    rare = periodic(5.0, 50)
    saving, careless = simulate(DvfsOnly(TABLE), rare), simulate(DvfsOnly(TABLE, counts_idle=False), rare)
    assert saving.idle_j / saving.idle_s < 1.01 * min(TABLE.idle_w) < careless.idle_j / careless.idle_s
