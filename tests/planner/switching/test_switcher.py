"""When plans change: at once for a deadline, seldom for joules, never to and fro."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from joulecut_planner.links import LinkBaseline, LinkEstimator, LinkOutlook, Transfer
from joulecut_planner.switching import Contender, Switcher, SwitchReason, SwitchTerms
from tests.thoroughness import examples

TERMS = SwitchTerms(hold_s=5.0, longest_hold_s=60.0, margin=0.02, spells=4)
ALONE = Contender(
    uplink_bytes=0.0,
    fixed_s=0.02,
    fixed_j=0.14,
    way_up_w=0.0,
    head_s=0.018,
    tail_s=0.0,
    tail_j=0.0,
    latest_s=0.03,
    period_s=0.025,
    clocks=(0, None),
)
"""The edge by itself: in time on every link, and dear."""


def split(least_bps: float, energy_j: float) -> Contender:
    """A plan that is in time from an uplink on, and finishes too late by itself."""
    uplink_bytes = 0.012 * least_bps / 8.0
    return replace(
        ALONE, uplink_bytes=uplink_bytes, fixed_s=0.018, fixed_j=energy_j, head_s=0.008, tail_s=0.012, clocks=(0, 1)
    )


CARE = st.sampled_from([0.1, 0.5, 1.0])
"""Of what was seen lately, how much may be counted on."""
PLANS = (ALONE, split(1e7, 0.12), split(4e7, 0.10))


def outlook(recent_bps: float, careful_bps: float | None = None, *, samples: int = 8) -> LinkOutlook:
    careful = recent_bps if careful_bps is None else careful_bps
    return replace(LinkOutlook.steady(recent_bps, samples=samples), careful_bps=careful)


def switcher(now_s: float = 0.0) -> Switcher:
    return Switcher(TERMS, rate_hz=40.0, now_s=now_s)


def test_a_plan_that_is_late_is_left_at_once() -> None:
    """Whatever the hold, no plan is kept that misses; the cheapest that is safe now is taken."""
    changing = switcher()
    first = changing.decide(0.0, PLANS, 0, outlook(1e8))
    assert first is not None
    assert (first.index, first.reason) == (2, SwitchReason.ENERGY)
    second = changing.decide(0.1, PLANS, 2, outlook(2e7))
    assert second is not None
    assert (second.index, second.reason) == (1, SwitchReason.DEADLINE)


def test_a_plan_that_delays_make_late_is_left_at_once() -> None:
    """On a link as fast as ever, where answers come too late for how much the round trip varies by now."""
    delayed = replace(outlook(1e8), delay_s=0.015)
    found = switcher().decide(0.0, PLANS, 2, delayed)
    assert found is not None
    assert (found.index, found.reason) == (0, SwitchReason.DEADLINE)
    assert switcher().decide(0.0, PLANS, 0, delayed) is None


def test_a_second_collapse_within_one_hold_brings_the_network_home() -> None:
    """Who had to leave twice in a row does not try a third plan, but what asks nothing of the link."""
    changing = switcher()
    changing.decide(0.0, PLANS, 2, outlook(2e7))
    again = changing.decide(1.0, (*PLANS, split(5e6, 0.13)), 1, outlook(6e6))
    assert again is not None
    assert again.index == 0


def test_a_better_plan_waits_for_the_hold_the_samples_and_a_careful_view() -> None:
    """A link that is fast just now is no reason to follow it yet."""
    changing = switcher()
    assert changing.decide(0.0, PLANS, 1, outlook(5e6)) is not None
    assert changing.decide(4.9, PLANS, 0, outlook(1e8)) is None
    assert changing.decide(6.0, PLANS, 0, outlook(1e8, careful_bps=5e6)) is None
    assert changing.decide(6.0, PLANS, 0, outlook(1e8, samples=3)) is None
    found = changing.decide(6.0, PLANS, 0, outlook(1e8))
    assert found is not None
    assert found.index == 2


def test_what_saves_less_than_the_margin_or_its_clocks_cost_is_not_worth_a_change() -> None:
    """A change for a per cent is noise, and a change of clocks is paid by the requests of one hold."""
    plans = (PLANS[1], split(1e7, 0.119))
    assert switcher().decide(0.0, plans, 0, outlook(1e8)) is None
    cheaper = (ALONE, split(1e7, 0.13))
    assert switcher().decide(0.0, cheaper, 0, outlook(1e8)) is not None
    dear = Switcher(replace(TERMS, settle_j=5.0), rate_hz=40.0, now_s=0.0)
    assert dear.decide(0.0, cheaper, 0, outlook(1e8)) is None


def test_a_change_of_clocks_is_paid_by_the_requests_of_one_hold() -> None:
    """Two hundred of them share it at 40 a second, one bears it all where no rate is known; no change costs nothing."""
    terms, cheaper = replace(TERMS, settle_j=1.0), split(1e7, 0.13)
    assert Switcher(terms, rate_hz=40.0, now_s=0.0).decide(0.0, (ALONE, cheaper), 0, outlook(1e8)) is not None
    assert Switcher(terms, rate_hz=None, now_s=0.0).decide(0.0, (ALONE, cheaper), 0, outlook(1e8)) is None
    alike = replace(cheaper, clocks=ALONE.clocks)
    assert Switcher(terms, rate_hz=None, now_s=0.0).decide(0.0, (ALONE, alike), 0, outlook(1e8)) is not None


def test_a_plan_that_was_soon_left_again_is_waited_for_longer() -> None:
    """Each regretted change doubles the hold; changes that lasted bring it back."""
    changing, now_s, holds = switcher(), 0.0, []
    for _ in range(3):
        assert changing.decide(now_s, PLANS, 0, outlook(1e8)) is not None
        assert changing.decide(now_s + 1.0, PLANS, 2, outlook(1e6)) is not None
        holds.append(changing.hold_s)
        now_s += 1.0 + changing.hold_s
    assert holds == [10.0, 20.0, 40.0]
    current, uplinks_bps = 0, (1e8, 2.5e7)
    for index in range(8):
        now_s += 100.0
        bps = uplinks_bps[index % 2]
        found = changing.decide(now_s, PLANS, current, outlook(bps))
        current = current if found is None else found.index
    assert changing.hold_s <= 20.0


def to_and_fro(changing: Switcher, until_s: float) -> tuple[int, list[float]]:
    """The plan in force and the times of changes, where the other plan looks cheaper whatever is in force."""
    patient = replace(ALONE, latest_s=math.inf, period_s=math.inf)
    plans = (patient, replace(PLANS[1], way_up_w=2.0, latest_s=math.inf, period_s=math.inf))
    current, taken_s = 0, []
    for tenth in range(round(10 * until_s)):
        found = changing.decide(tenth / 10, plans, current, outlook(1e8 if current == 0 else 1e5))
        if found is not None:
            assert found.reason is SwitchReason.ENERGY
            current = found.index
            taken_s.append(tenth / 10)
    return current, taken_s


def test_a_plan_given_back_for_joules_is_waited_for_longer_each_time() -> None:
    """A link that goes to and fro makes either plan the cheaper one in turn: following it pays nobody."""
    _, taken_s = to_and_fro(switcher(), 600.0)
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(taken_s)]
    assert gaps_s[:4] == pytest.approx([5.0, 10.0, 20.0, 40.0], abs=0.11)
    assert len(gaps_s) > 10
    assert min(gaps_s[4:]) >= 59.9


def test_only_what_was_given_back_is_waited_for_longer() -> None:
    """A third plan that saves joules is taken after the hold, whatever went to and fro before."""
    changing = switcher()
    current, taken_s = to_and_fro(changing, 36.0)
    assert current == 0
    third = replace(PLANS[2], way_up_w=2.0, latest_s=math.inf, period_s=math.inf, clocks=(1, 1), fixed_j=0.01)
    plans = (replace(ALONE, latest_s=math.inf, period_s=math.inf), PLANS[1], third)
    assert changing.decide(taken_s[-1] + 4.9, plans, 0, outlook(1e8)) is None
    found = changing.decide(taken_s[-1] + 5.1, plans, 0, outlook(1e8))
    assert found is not None
    assert (found.index, found.reason) == (2, SwitchReason.ENERGY)


def test_a_plan_that_is_late_on_a_careful_view_is_given_back_after_the_hold() -> None:
    """What is waited for longer is joules alone, never a deadline."""
    changing = switcher()
    current, taken_s = to_and_fro(changing, 36.0)
    assert current == 0
    assert taken_s == pytest.approx([0.0, 5.0, 15.0, 35.0], abs=0.11), "40 s to wait from now on"
    back = changing.decide(taken_s[-1] + 5.0, (PLANS[1], ALONE), 0, outlook(1e8, careful_bps=5e6))
    assert back is not None
    assert (back.index, back.reason) == (1, SwitchReason.DEADLINE)


def test_without_an_outlook_nothing_changes() -> None:
    """What is not known speaks for nothing."""
    assert switcher().decide(0.0, PLANS, 2, None) is None


def test_a_plan_whose_late_requests_the_edge_finishes_in_time_is_not_left_for_a_collapse() -> None:
    """A bad moment costs it joules, no deadline: it is left for joules alone, after the hold."""
    covered = replace(PLANS[1], latest_s=0.1, fixed_s=0.02, tail_s=0.01, tail_j=0.01)
    plans = (replace(ALONE, latest_s=0.1), covered)
    fallen = replace(outlook(1e8), recent_bps=1e4, careful_bps=1e4)
    assert switcher().decide(0.0, plans, 1, fallen) is None
    lasting = replace(outlook(1e8), recent_bps=1e4, careful_bps=1e4, samples_bps=(1e4,) * 8)
    expensive = (plans[0], replace(covered, tail_j=0.05))
    found = switcher().decide(0.0, expensive, 1, lasting)
    assert found is not None
    assert (found.index, found.reason) == (0, SwitchReason.ENERGY)


LATE_PLANS = (replace(ALONE, fixed_s=0.031), *PLANS[1:])
"""As before, with an edge that is late by itself."""


def test_an_edge_that_is_late_by_itself_goes_out_on_the_link_of_just_now() -> None:
    """Time there costs deadlines: neither a careful view nor spells are waited for, and what asks least is taken."""
    changing = switcher()
    assert changing.decide(0.0, LATE_PLANS, 2, outlook(1e6)) is not None
    assert changing.decide(1.0, LATE_PLANS, 0, outlook(1e8, samples=1)) is None, "a third of the hold is kept"
    assert changing.decide(2.0, LATE_PLANS, 0, outlook(6e6)) is None, "the link is still too slow for any"
    found = changing.decide(2.0, LATE_PLANS, 0, outlook(1e8, careful_bps=1e6, samples=1))
    assert found is not None
    assert (found.index, found.reason) == (1, SwitchReason.DEADLINE)


def test_an_edge_that_is_late_by_itself_counts_on_the_slowest_spell() -> None:
    """With nowhere safe to fall back to, joules are saved only where every spell would have allowed it."""
    changing = switcher()
    seen = outlook(1e8)
    once_slow = replace(seen, samples_bps=(2e7, *seen.samples_bps[1:]))
    assert changing.decide(100.0, LATE_PLANS, 1, once_slow) is None
    assert switcher().decide(100.0, PLANS, 1, once_slow) is not None, "with a safe place the careful view is enough"
    found = changing.decide(100.0, LATE_PLANS, 1, seen)
    assert found is not None
    assert (found.index, found.reason) == (2, SwitchReason.ENERGY)


def test_an_edge_that_is_late_by_itself_does_not_flap() -> None:
    """On a link that collapses each time it is tried the wait grows: two changes to a third of the longest hold."""
    changing, current, taken_s = switcher(), 0, []
    for tenth in range(6000):
        found = changing.decide(tenth / 10, LATE_PLANS, current, outlook(1e8 if current == 0 else 1e6))
        if found is not None:
            current = found.index
            taken_s.append(tenth / 10)
    assert len(taken_s) > 20
    assert len([time_s for time_s in taken_s if time_s >= 300.0]) <= 2 * 300.0 / (TERMS.longest_hold_s / 3.0) + 2


HASTY, THRIFTY = PLANS[1], replace(PLANS[1], uplink_bytes=10_000.0, fixed_s=0.026)
LATER_PLANS = (replace(ALONE, fixed_s=0.06), HASTY, THRIFTY)
"""The edge by itself is very late; one plan is in time from 10 Mbit/s, the other sends less, in time from 20 Mbit/s."""


@pytest.mark.parametrize("left_s", [None, 0.5])
def test_a_late_plan_is_not_left_for_one_that_asks_more_of_the_link(left_s: float | None) -> None:
    """On a careful view it is the least late of all: neither the cheapest nor the haven of just now would be better."""
    changing = switcher()
    if left_s is not None:
        assert changing.decide(left_s, LATER_PLANS, 1, outlook(1e5)) is not None
    assert changing.decide(1.0, LATER_PLANS, 2, outlook(1.2e7, careful_bps=4e6)) is None


def test_what_asks_least_is_kept_though_it_is_late() -> None:
    """Where the edge by itself is late too, nothing is safe: another plan would be a change for nothing."""
    assert switcher().decide(0.0, LATER_PLANS, 1, outlook(8e6, careful_bps=4e6)) is None


def test_a_link_that_cannot_keep_up_with_the_rate_is_not_tried() -> None:
    """An answer would be sooner than the edge's own, and each request would wait for the one before it."""
    assert switcher().decide(0.0, LATER_PLANS, 0, outlook(4.2e6)) is None
    assert switcher().decide(0.0, LATER_PLANS, 0, outlook(5.2e6)) is not None


def test_with_nothing_safe_on_a_careful_view_the_plan_stays() -> None:
    """It is in time just now, and no other one would be, had the link its worst again."""
    assert switcher().decide(100.0, LATE_PLANS, 1, outlook(1e8, careful_bps=1e6)) is None


def test_a_change_for_joules_that_lasted_halves_the_hold() -> None:
    """Whether it is left for a deadline in the end, or for a plan that saves more."""
    changing = switcher()
    assert changing.decide(0.0, PLANS, 0, outlook(1e8)) is not None
    assert changing.decide(1.0, PLANS, 2, outlook(1e6)) is not None
    assert changing.hold_s == 10.0
    assert changing.decide(100.0, PLANS, 0, outlook(2e7)) is not None
    assert changing.decide(200.0, PLANS, 1, outlook(1e8)) is not None
    assert changing.hold_s == 5.0


@given(
    uplinks_bps=st.lists(st.sampled_from([1e5, 6e6, 1.2e7, 2e7, 4.5e7, 1e9]), min_size=100, max_size=400),
    step_s=st.sampled_from([0.025, 0.1, 0.5]),
    data=st.data(),
)
@settings(deadline=None, max_examples=examples(60))
def test_no_link_makes_plans_flap(uplinks_bps: list[float], step_s: float, data: st.DataObject) -> None:
    """At most three changes within any hold, whatever the link does: so many to a second at most, in all."""
    plans = (*PLANS, split(5e6, 0.13), split(2e7, 0.11))
    changing, current, changes = switcher(), data.draw(st.integers(0, len(plans) - 1)), []
    for index, recent_bps in enumerate(uplinks_bps):
        now_s = index * step_s
        careful_bps = recent_bps * data.draw(CARE) if index < 50 else recent_bps
        found = changing.decide(now_s, plans, current, outlook(recent_bps, careful_bps))
        if found is not None:
            assert found.index != current
            current = found.index
            changes.append(now_s)
    for begin_s in changes:
        within = [time_s for time_s in changes if begin_s <= time_s < begin_s + TERMS.hold_s]
        assert len(within) <= 3
    assert len(changes) <= 3 * math.ceil(len(uplinks_bps) * step_s / TERMS.hold_s)


@given(
    half_s=st.floats(0.2, 2.0),
    slow_bps=st.floats(2e5, 5e6),
    factor=st.floats(1.1, 40.0),
    slow_j=st.floats(0.2, 0.5),
)
@example(half_s=0.31, slow_bps=1.63e6, factor=38.8, slow_j=0.46)
@settings(deadline=None, max_examples=examples(30))
def test_a_link_that_goes_to_and_fro_is_not_followed(
    half_s: float, slow_bps: float, factor: float, slow_j: float
) -> None:
    """With the agents' own terms and estimates, two bandwidths in turn, faster than the hold: 0.12 changes a second."""
    patient = replace(ALONE, fixed_s=0.15, fixed_j=0.5, latest_s=0.3, period_s=math.inf)
    large = replace(patient, uplink_bytes=1e5, fixed_s=0.05, fixed_j=0.2, way_up_w=1.5, tail_s=0.05, tail_j=0.3)
    small = replace(large, uplink_bytes=2e4, fixed_s=0.1, fixed_j=slow_j, clocks=(0, 1))
    plans, current, changes = (patient, large, small), 1, 0
    estimator = LinkEstimator(LinkBaseline(rtt_s=0.01, spread_s=0.001, downlink_bps=1e7))
    changing = Switcher(SwitchTerms(), rate_hz=5.0, now_s=0.0)
    for index in range(1500):
        now_s = 0.2 * index
        uplink_bps = slow_bps * (factor if int(now_s / half_s) % 2 == 0 else 1.0)
        up_bytes = plans[current].uplink_bytes or 2e4
        link_s = 0.01 + 8.0 * up_bytes / uplink_bps
        estimator.observe(Transfer(time_s=now_s, up_bytes=up_bytes, down_bytes=0.0, link_s=link_s))
        found = changing.decide(now_s, plans, current, estimator.outlook(now_s))
        if found is not None:
            current = found.index
            changes += found.reason is SwitchReason.ENERGY
    assert changes <= 36


@pytest.mark.parametrize("every_s", [0.1, 1.0, 5.0, 9.0, 60.0])
def test_an_edge_that_is_seldom_asked_takes_the_cheaper_plan_too(every_s: float) -> None:
    """Four requests show it, however far apart they are."""
    dear = replace(ALONE, uplink_bytes=1e5, fixed_s=0.05, fixed_j=0.4, latest_s=math.inf, period_s=math.inf)
    plans, current = (dear, replace(dear, uplink_bytes=2e4, fixed_j=0.2)), 0
    estimator = LinkEstimator(LinkBaseline(rtt_s=0.01, spread_s=0.001, downlink_bps=1e7))
    changing = Switcher(SwitchTerms(), rate_hz=None, now_s=0.0)
    for index in range(40):
        now_s, up_bytes = every_s * index, plans[current].uplink_bytes
        link_s = 0.01 + 8.0 * up_bytes / 1e7
        estimator.observe(Transfer(time_s=now_s, up_bytes=up_bytes, down_bytes=0.0, link_s=link_s))
        found = changing.decide(now_s, plans, current, estimator.outlook(now_s))
        current = current if found is None else found.index
    assert current == 1


@pytest.mark.parametrize("every_s", [8.0, 15.0])
def test_a_link_that_never_changes_keeps_its_plan_between_two_requests(every_s: float) -> None:
    """What is not heard of for seconds is trusted less, and the plan in force is not left for that."""
    estimator = LinkEstimator(LinkBaseline(rtt_s=0.01, spread_s=0.001, downlink_bps=1e7))
    changing, current, changes = Switcher(SwitchTerms(), rate_hz=None, now_s=0.0), 2, 0
    probed_s = 0.0
    for tenth in range(round(200 * every_s)):
        now_s = tenth / 10
        asks, probes = tenth % round(10 * every_s) == 0, current == 0 and now_s >= probed_s + 1.0
        if probes or (asks and current != 0):
            up_bytes, probed_s = PLANS[current].uplink_bytes or 6e4, now_s
            crossed = Transfer(time_s=now_s, up_bytes=up_bytes, down_bytes=0.0, link_s=0.01 + 8.0 * up_bytes / 6e7)
            estimator.observe(crossed)
        found = changing.decide(now_s, PLANS, current, estimator.outlook(now_s))
        if found is not None:
            current, changes = found.index, changes + 1
    assert (current, changes) == (2, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hold_s": 0.0},
        {"hold_s": 90.0},
        {"longest_return_s": 1.0},
        {"margin": -0.1},
        {"settle_j": -1.0},
        {"change_s": math.inf},
    ],
)
def test_terms_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    """A hold of nothing would be no hold."""
    with pytest.raises(ValueError, match="expected"):
        SwitchTerms(**wrong)  # type: ignore[arg-type]
