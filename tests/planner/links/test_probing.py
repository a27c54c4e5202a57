"""When a silent link is asked: seldom, little, and not while requests tell more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_planner.links import LinkBaseline, LinkEstimator, LinkOutlook, ProbeOptions, ProbePlan, Transfer

OUTLOOK = LinkOutlook.steady(1e7)


def test_no_probe_while_requests_tell_enough() -> None:
    """Fresh transfers are better than probes and cost nothing."""
    assert ProbePlan().due_bytes(100.0, OUTLOOK) is None
    assert ProbePlan().due_bytes(100.0, replace(OUTLOOK, age_s=2.0)) is not None
    assert ProbePlan().due_bytes(100.0, replace(OUTLOOK, doubt_s=0.002)) is not None


def test_probes_are_as_large_as_the_link_allows() -> None:
    """A probe takes some ten milliseconds: large enough to tell a fast link, small enough for a slow one."""
    for uplink_bps in (1e5, 1e6, 1e7, 1e8):
        outlook = replace(LinkOutlook.steady(uplink_bps), age_s=2.0)
        size_bytes = ProbePlan().due_bytes(100.0, outlook)
        assert size_bytes is not None
        assert size_bytes == ProbeOptions().least_bytes or 8.0 * size_bytes / uplink_bps <= ProbeOptions().takes_s
    assert ProbePlan().due_bytes(0.0, None) == ProbeOptions().least_bytes


def test_probes_take_no_more_than_their_share_of_time() -> None:
    """On a slow link the next one is further off, but never so far that a link that is well again is not found."""
    plan = ProbePlan(ProbeOptions(share=0.01, every_s=1.0, latest_s=10.0))
    plan.sent(10.0, 0.05)
    assert plan.due_bytes(14.9, None) is None
    assert plan.due_bytes(15.1, None) is not None
    plan.sent(20.0, 3.0)
    assert plan.due_bytes(29.9, None) is None
    assert plan.due_bytes(30.1, None) is not None
    plan.sent(200.0, 0.001)
    assert plan.due_bytes(200.5, None) is None
    assert plan.due_bytes(201.5, None) is not None


def test_a_probe_that_waited_for_the_link_does_not_put_off_the_next() -> None:
    """On a link that is fast as a rule a stall says nothing of what the next probe will take."""
    plan, stalled = ProbePlan(ProbeOptions(share=0.01, every_s=1.0, latest_s=10.0)), replace(OUTLOOK, recent_bps=1e4)
    plan.sent(10.0, 3.0)
    assert plan.due_bytes(10.9, replace(stalled, age_s=1.1)) is None
    assert plan.due_bytes(11.1, replace(stalled, age_s=1.1)) is not None
    assert plan.due_bytes(19.9, replace(stalled, usual_bps=1e4, age_s=9.9)) is None


@pytest.mark.parametrize("spread_s", [0.0, 0.0005, 0.005, 0.02])
def test_probes_find_a_link_that_is_well_again_however_unsteady_its_round_trip(spread_s: float) -> None:
    """Each tells more than the one before it until one tells all: those of one size never would."""
    baseline = LinkBaseline(rtt_s=0.04, spread_s=spread_s, downlink_bps=1e7)
    estimator, plan, now_s = LinkEstimator(baseline), ProbePlan(), 0.0
    estimator.observe(Transfer(time_s=0.0, up_bytes=1024, down_bytes=0, link_s=3.0))
    while now_s < 60.0:
        now_s += 0.1
        size_bytes = plan.due_bytes(now_s, estimator.outlook(now_s))
        if size_bytes is not None:
            link_s = baseline.rtt_s + 8.0 * size_bytes / 1e7
            now_s += link_s
            estimator.observe(Transfer(time_s=now_s, up_bytes=size_bytes, down_bytes=0, link_s=link_s))
            plan.sent(now_s, link_s)
    outlook = estimator.outlook(now_s)
    assert outlook is not None
    assert outlook.recent_bps == pytest.approx(1e7)
