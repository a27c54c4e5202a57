"""What all policies share: who is turned away, how large a batch may be, who joins one that runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.serving import Launch, QueuedRequest, RejectReason, Rest, ServerView
from joulecut_planner.serving.policies.deadlines import batch_size, earliest_s, within
from joulecut_planner.serving.policies.fixed import Fixed
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.policies.arrivals import poisson
from tests.planner.serving.tables import gpu_like

TABLE = gpu_like(points=8, switch_s=0.001)
ALONE_S = 0.005


def view(*waiting: QueuedRequest, now_s: float = 1.0, point: int = 7) -> ServerView:
    return ServerView(now_s, waiting, point, len(waiting))


def due(after_s: float, index: int = 0, *, priority: int = 0, entry: int = 0) -> QueuedRequest:
    return QueuedRequest(index, 0.99, 1.0 + after_s, entry=entry, priority=priority)


def test_who_cannot_be_in_time_alone_is_turned_away() -> None:
    """From just below the time that one request takes, with a hint when to come again; the others run, by name."""
    policy = Fixed(TABLE)
    decision = policy.decide(view(due(0.0049, 3), due(0.0051, 4)))
    assert isinstance(decision, Launch)
    assert [(each.id, each.reason) for each in decision.rejected] == [(3, RejectReason.LATE)]
    assert decision.rejected[0].retry_after_s == pytest.approx(ALONE_S)
    assert (decision.batch, decision.ids) == (1, (4,))


def test_the_change_of_the_clock_counts() -> None:
    """With the clock low, a millisecond more is needed than with the highest one held."""
    request = due(0.0055)
    assert isinstance(Fixed(TABLE).decide(view(request)), Launch)
    decision = Fixed(TABLE).decide(view(request, point=0))
    assert isinstance(decision, Rest)
    assert [each.id for each in decision.rejected] == [0]


def test_rejecting_can_be_left_out() -> None:
    """Then what is lost is answered late, as the papers do."""
    decision = Fixed(TABLE, rejects_late=False).decide(view(due(0.001)))
    assert isinstance(decision, Launch)
    assert decision.rejected == ()


def test_a_later_entry_needs_less_time() -> None:
    """Half of the network is left: half of the time is enough."""
    decision = Fixed(TABLE).decide(view(due(0.0026, 0, entry=2), due(0.0026, 1)))
    assert isinstance(decision, Launch)
    assert [each.id for each in decision.rejected] == [1]


def test_lost_ones_are_found_behind_those_of_higher_priority() -> None:
    """Each priority has its own order of deadlines."""
    decision = Fixed(TABLE).decide(view(due(0.5, 0, priority=1), due(0.001, 1), due(0.5, 2)))
    assert [each.id for each in decision.rejected] == [1]


def test_batches_are_as_large_as_deadlines_allow() -> None:
    """All where they fit; fewer where that leaves the rest in time; the limit where somebody is lost either way."""
    seconds = [0.005, 0.006, 0.007, 0.008]
    roomy, tight = [due(0.02, k) for k in range(4)], due(0.0062, 9)
    assert batch_size(1.0, roomy, seconds, 4) == (4, True)
    assert batch_size(1.0, roomy, seconds, 3) == (3, True)
    assert batch_size(1.0, [tight, *roomy], seconds, 4) == (2, True)
    assert batch_size(1.0, [tight, *(due(0.0095, k) for k in range(4))], seconds, 4) == (4, False)


def test_the_first_deadline_is_not_always_the_first_requests() -> None:
    """With priorities a later one may be due before."""
    waiting = [due(0.5, 0, priority=1), due(0.2, 1), due(0.3, 2)]
    assert earliest_s(waiting, 1) == 1.5
    assert earliest_s(waiting, 3) == 1.2


def test_the_largest_batch_within_a_time() -> None:
    """At least one, also where none fits."""
    assert within([0.1, 0.2, 0.3], 0.25) == 2
    assert within([0.1, 0.2, 0.3], 0.05) == 1


def test_fixed_takes_half_of_the_time_at_most() -> None:
    """Four requests take 6.7 ms of 15, five 7.53; the clock never moves."""
    report = simulate(policy := Fixed(gpu_like(batches=tuple(range(1, 33)))), poisson(900.0, 3000, 2))
    assert policy.limit() == 4
    assert report.clock_changes == 0
    assert report.mean_batch > 3.0


def test_those_who_join_leave_everybody_in_time() -> None:
    """Two of three may join before the one that runs would be late."""
    table = replace(gpu_like(points=8, units=2, batches=(1, 2, 3, 4)), switch_s=0.0)
    policy = Fixed(table)
    policy.arrived(due(0.0, entry=1))
    policy.slo_s = 1.0
    policy.decide(view(due(0.0056)))
    half = [policy.seconds(0, 7, 1)[k] for k in range(4)]
    assert 0.0025 + half[2] < 0.0056 < 0.0025 + half[3]
    joining = [due(0.5, k, entry=1) for k in range(1, 4)]
    assert policy.join(view(*joining, now_s=1.0025), 1, 1) == 2
    assert policy.join(view(*joining, now_s=1.0035), 1, 1) == 0
