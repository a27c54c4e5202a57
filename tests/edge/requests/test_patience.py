"""How long an edge may wait for a server: arithmetic of deadlines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.plans.local_tail import LocalTail
from joulecut_edge.requests.patience import retry_s, wait_s
from tests.edge.session_parts import HIGH, active_plan, planned

TAIL = LocalTail(time_s=0.040, fastest_s=0.015, fastest=HIGH)


def plan(deadline_s: float | None, tail: LocalTail | None = TAIL) -> ActivePlan:
    """20 ms here, 30 ms away."""
    return active_plan(2, deadline_s=deadline_s, tail=tail, plan=planned(head_s=0.02, remote_s=0.03))


def test_the_rest_at_home_is_left_out_of_the_wait() -> None:
    """At 100 ms, 22 ms of them gone, 40 ms are for the edge's own rest and 2 ms kept back: the server gets 36 ms."""
    assert wait_s(plan(0.1), elapsed_s=0.022) == pytest.approx(0.036)


def test_an_answer_is_not_planned_for_the_very_deadline() -> None:
    """A hundredth of a long deadline is kept back, 2 ms of a short one."""
    assert wait_s(plan(1.0), elapsed_s=0.022) == pytest.approx(1.0 - 0.022 - 0.04 - 0.01)
    assert wait_s(plan(0.2), elapsed_s=0.022) == pytest.approx(0.2 - 0.022 - 0.04 - 0.002)


@pytest.mark.parametrize(("deadline_s", "waits_s"), [(0.0748, 1.0), (0.0756, 0.0366)])
def test_a_rest_that_leaves_no_time_for_a_slow_answer_does_not_count(deadline_s: float, waits_s: float) -> None:
    """Planned for 30 ms, the server may take 36: to give it less would give up answers that come as they should."""
    assert wait_s(plan(deadline_s), elapsed_s=0.022) == pytest.approx(waits_s)


def test_what_a_plan_allows_for_slow_requests_is_waited_for() -> None:
    """Its margin at the quantile, where that is more."""
    margin = replace(planned(head_s=0.02, remote_s=0.03), latency_s=0.05, latency_bound_s=0.065)
    tight, roomy = (active_plan(2, deadline_s=d, tail=TAIL, plan=margin) for d in (0.083, 0.085))
    assert wait_s(tight, elapsed_s=0.022) == 1.0
    assert wait_s(roomy, elapsed_s=0.022) == pytest.approx(0.046)


def test_what_waits_for_the_device_comes_first() -> None:
    """Heads of other requests are in the rest's way."""
    assert wait_s(plan(0.2), elapsed_s=0.022, queued_s=0.02) == pytest.approx(0.116)


def test_a_later_head_may_be_in_the_way() -> None:
    """It is what waits by now, or comes later, whichever is longer; a server that needs the time keeps it."""
    assert wait_s(plan(0.2), elapsed_s=0.022, blocked_s=0.03) == pytest.approx(0.106)
    assert wait_s(plan(0.2), elapsed_s=0.022, queued_s=0.02, blocked_s=0.03) == pytest.approx(0.106)
    assert wait_s(plan(0.1), elapsed_s=0.022, blocked_s=0.03) == wait_s(plan(0.1), elapsed_s=0.022)


def test_a_faster_clock_makes_room() -> None:
    """Where the rest at the plan's clock leaves the server less than it needs, the fastest clock's rest counts."""
    assert wait_s(plan(0.08), elapsed_s=0.022) == pytest.approx(0.08 - 0.022 - 0.015 - 0.002)


def test_a_rest_that_never_fits_leaves_the_server_its_time() -> None:
    """The server alone may keep the deadline: giving it up early could only lose."""
    assert wait_s(plan(0.06), elapsed_s=0.022) == 1.0


def test_only_the_edge_can_still_be_in_time() -> None:
    """After a long queue there is no time for the server, but for the rest: nothing is sent."""
    assert wait_s(plan(0.1), elapsed_s=0.08) == 0.0
    assert wait_s(plan(0.1), elapsed_s=0.095) == 1.0


@pytest.mark.parametrize(("deadline_s", "tail"), [(None, TAIL), (0.1, None)])
def test_without_a_deadline_or_a_known_rest_patience_is_as_planned(
    deadline_s: float | None, tail: LocalTail | None
) -> None:
    """Five times the planned latency, and a second at least; a second try only where one is at hand."""
    assert wait_s(plan(deadline_s, tail), elapsed_s=0.022) == 1.0
    slow = active_plan(2, deadline_s=deadline_s, tail=tail, plan=planned(head_s=0.3, remote_s=0.3))
    assert wait_s(slow, elapsed_s=0.022) == 3.0
    assert retry_s(slow, elapsed_s=5.0) == 0.0


@pytest.mark.parametrize(
    ("within_s", "waits_s"), [(0.12, 0.048), (0.1, 0.053), (0.055, 0.033), (0.05, 0.0), (0.02, 0.0)]
)
def test_the_caller_s_own_time_is_a_deadline(within_s: float, waits_s: float) -> None:
    """Where it is the sooner, with 10 ms kept back; no server is waited for when the caller has left."""
    for active in (plan(None), plan(60.0)):
        assert wait_s(active, elapsed_s=0.022, within_s=within_s) == pytest.approx(waits_s)


@pytest.mark.parametrize("deadline_s", [None, 0.1, 0.06, 20.0])
def test_a_patient_caller_changes_no_wait(deadline_s: float | None) -> None:
    """That it would wait for half a minute is no reason to leave a silent server so long."""
    active = plan(deadline_s)
    assert wait_s(active, elapsed_s=0.022, within_s=30.0) == wait_s(active, elapsed_s=0.022)


def test_a_second_try_is_in_the_caller_s_time_too() -> None:
    """Where the caller has gone by then there is none; its patience alone waits for no server."""
    assert retry_s(plan(60.0), elapsed_s=0.022, within_s=0.1) == pytest.approx(0.1 - 0.022 - 0.015 - 0.03)
    assert retry_s(plan(None), elapsed_s=0.06, within_s=0.1) is None
    assert retry_s(plan(None), elapsed_s=0.022, within_s=30.0) == 0.0


def test_a_second_try_needs_its_own_time() -> None:
    """It may be waited for as long as server and rest still fit behind it; where they do not, there is none."""
    assert retry_s(plan(0.1), elapsed_s=0.022) == pytest.approx(0.1 - 0.022 - 0.015 - 0.03)
    assert retry_s(plan(0.1), elapsed_s=0.06) is None
    assert retry_s(plan(0.1), elapsed_s=0.022, queued_s=0.01) == pytest.approx(0.1 - 0.022 - 0.01 - 0.015 - 0.03)
    assert retry_s(plan(0.1), elapsed_s=0.022, queued_s=0.035) is None


@pytest.mark.parametrize(
    ("deadline_s", "tail", "waits_s"), [(0.5, TAIL, 15.0), (0.5, None, 15.0), (0.01, TAIL, 1.0), (None, TAIL, 600.0)]
)
def test_a_plan_of_a_million_seconds_makes_nobody_wait_for_them(
    deadline_s: float | None, tail: LocalTail | None, waits_s: float
) -> None:
    """It is a server's word, and the deadline is the edge's own: who never answers is given up all the same."""
    lie = replace(planned(head_s=0.02, remote_s=0.03), latency_bound_s=1e6)
    told = active_plan(2, deadline_s=deadline_s, tail=tail, plan=lie)
    assert wait_s(told, elapsed_s=0.022) == pytest.approx(waits_s)
