"""What transfers say of a link: fast down, slow up, no more than their bytes can tell, and less with age."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_planner.links import EstimatorOptions, LinkBaseline, LinkEstimator, LinkOutlook, Transfer

BASELINE = LinkBaseline(rtt_s=0.004, spread_s=0.0002, downlink_bps=5e7)


def crossing(time_s: float, uplink_bps: float, *, up_bytes: float = 20_000.0, down_bytes: float = 4000.0) -> Transfer:
    """A transfer over exactly this uplink."""
    link_s = BASELINE.rtt_s + 8.0 * up_bytes / uplink_bps + 8.0 * down_bytes / BASELINE.downlink_bps
    return Transfer(time_s=time_s, up_bytes=up_bytes, down_bytes=down_bytes, link_s=link_s)


def seen(estimator: LinkEstimator, now_s: float) -> LinkOutlook:
    outlook = estimator.outlook(now_s)
    assert outlook is not None
    return outlook


def steady(uplink_bps: float, *, until_s: float = 10.0, options: EstimatorOptions | None = None) -> LinkEstimator:
    """An estimator that has seen ten transfers a second over one bandwidth."""
    estimator = LinkEstimator(BASELINE, options)
    for tenth in range(round(10 * until_s)):
        estimator.observe(crossing(tenth / 10, uplink_bps))
    return estimator


@given(
    uplink_bps=st.floats(1e5, 2e8),
    sizes=st.lists(st.floats(50_000.0, 2e6), min_size=1, max_size=30),
)
def test_any_size_gives_the_same_bandwidth(uplink_bps: float, sizes: list[float]) -> None:
    """The fixed cost of a crossing is taken off first: what is left is the link's, whatever was sent over it."""
    estimator = LinkEstimator(BASELINE)
    for index, size in enumerate(sizes):
        estimator.observe(crossing(0.1 * index, uplink_bps, up_bytes=size))
    outlook = seen(estimator, 0.1 * (len(sizes) - 1))
    for bps in (outlook.expected_bps, outlook.usual_bps, outlook.careful_bps, outlook.recent_bps):
        assert bps == pytest.approx(uplink_bps, rel=1e-6)


def test_two_slow_transfers_are_a_slow_link_one_is_a_hiccup() -> None:
    """A link that fell is believed within two requests; a single late one moves nothing."""
    estimator = steady(4e7)
    estimator.observe(crossing(10.0, 2e6))
    assert seen(estimator, 10.0).recent_bps == pytest.approx(4e7)
    estimator.observe(crossing(10.1, 2e6))
    outlook = seen(estimator, 10.1)
    assert outlook.recent_bps == pytest.approx(2e6)
    assert outlook.careful_bps <= outlook.recent_bps


def test_where_transfers_are_rare_one_slow_one_is_believed() -> None:
    """What crossed a second ago says nothing of just now: waiting for another costs as many late requests."""
    estimator = LinkEstimator(BASELINE)
    for second in range(10):
        estimator.observe(crossing(float(second), 4e7))
    estimator.observe(crossing(10.0, 2e6))
    assert seen(estimator, 10.0).recent_bps == pytest.approx(2e6)
    estimator.observe(crossing(10.4, 4e7))
    assert seen(estimator, 10.4).recent_bps == pytest.approx(4e7), "within a spell the better one counts"


def test_what_is_careful_rises_only_as_the_bad_spell_leaves_the_window() -> None:
    """After a collapse of four seconds the recent uplink is back at once, the careful one as the window forgets it."""
    estimator = steady(4e7, options=EstimatorOptions(window_s=20.0, quantile=0.9))
    careful_bps = {}
    for tenth in range(100, 440):
        estimator.observe(crossing(tenth / 10, 1e6 if tenth < 140 else 4e7))
        outlook = seen(estimator, tenth / 10)
        assert outlook.recent_bps == pytest.approx(1e6 if 101 <= tenth < 140 else 4e7)
        careful_bps[tenth] = outlook.careful_bps
    assert careful_bps[300] == pytest.approx(1e6)
    assert careful_bps[340] == pytest.approx(4e7)


def test_a_rare_bad_spell_is_kept_for_deadlines_and_averaged_for_joules() -> None:
    """With one spell in five bad, deadlines are kept for it, and a bit's mean seconds are those of all spells."""
    estimator = LinkEstimator(BASELINE, EstimatorOptions(window_s=20.0, quantile=0.9))
    for tenth in range(200):
        slow = (tenth // 5) % 5 == 0
        estimator.observe(crossing(tenth / 10, 1e6 if slow else 1e7))
    outlook = seen(estimator, 19.9)
    assert outlook.careful_bps == pytest.approx(1e6)
    assert outlook.usual_bps == pytest.approx(1e7)
    assert 1.0 / outlook.expected_bps == pytest.approx(0.2 / 1e6 + 0.8 / 1e7, rel=0.05)


def test_small_transfers_do_not_pass_for_a_fast_link() -> None:
    """Bytes that take no longer than the round trip varies neither speed an estimate up nor make one out of nothing."""
    tiny = Transfer(time_s=10.0, up_bytes=100.0, down_bytes=0.0, link_s=BASELINE.rtt_s)
    estimator = steady(4e6)
    for index in range(10):
        estimator.observe(Transfer(time_s=10.0 + 0.1 * index, up_bytes=100.0, down_bytes=0.0, link_s=BASELINE.rtt_s))
    assert seen(estimator, 11.0).recent_bps == pytest.approx(4e6)
    fresh = LinkEstimator(BASELINE)
    fresh.observe(tiny)
    assert seen(fresh, 10.0).recent_bps < 1e7


def test_a_spell_counts_by_the_median_of_its_bits() -> None:
    """One hiccup does not make a spell slow, and what carried most of the bytes tells most."""
    alike, one_large = LinkEstimator(BASELINE), LinkEstimator(BASELINE)
    for index, uplink_bps in enumerate((1e6, 2e6, 8e6)):
        alike.observe(crossing(0.1 * index, uplink_bps))
        one_large.observe(crossing(0.1 * index, uplink_bps, up_bytes=100_000.0 if uplink_bps == 8e6 else 20_000.0))
    assert seen(alike, 0.2).samples_bps == pytest.approx((2e6,))
    assert seen(one_large, 0.2).samples_bps == pytest.approx((8e6,))


@pytest.mark.parametrize(("sooner_s", "doubt_s"), [(0.0002, 0.0004), (0.003, 0.0)])
def test_what_comes_sooner_than_the_round_trip_says_what_the_link_is_not_slower_than(
    sooner_s: float, doubt_s: float
) -> None:
    """Twice the spread is what its bytes may have taken, and no less; far sooner, the round trip itself is shorter."""
    estimator = LinkEstimator(BASELINE)
    estimator.observe(Transfer(time_s=0.0, up_bytes=100.0, down_bytes=0.0, link_s=BASELINE.rtt_s - sooner_s))
    outlook = seen(estimator, 0.0)
    assert outlook.recent_bps == pytest.approx(8.0 * 100.0 / 0.0004)
    assert outlook.doubt_s == doubt_s


def test_spells_leave_the_window_though_nothing_crosses() -> None:
    """The view is that of the moment at which it is asked for."""
    estimator = LinkEstimator(BASELINE, EstimatorOptions(least_spells=1))
    estimator.observe(crossing(0.0, 1e6))
    estimator.observe(crossing(5.0, 4e6))
    assert seen(estimator, 9.0).samples_bps == pytest.approx((1e6, 4e6))
    assert seen(estimator, 11.0).samples_bps == pytest.approx((4e6,))


def test_what_is_under_way_for_too_long_counts_before_it_is_over() -> None:
    """A link that carries nothing any more gives no answers to learn from; waiting tells it."""
    estimator = steady(4e7)
    waiting = Transfer(time_s=10.0, up_bytes=20_000.0, down_bytes=0.0, link_s=0.2, is_over=False)
    estimator.observe(waiting)
    assert seen(estimator, 10.0).recent_bps <= 8.0 * 20_000.0 / (0.2 - BASELINE.rtt_s) * 1.001
    quick = LinkEstimator(BASELINE)
    quick.observe(crossing(0.0, 1e6))
    quick.observe(Transfer(time_s=0.1, up_bytes=20_000.0, down_bytes=0.0, link_s=0.01, is_over=False))
    assert seen(quick, 0.1).recent_bps == pytest.approx(1e6)


def test_without_transfers_an_estimate_grows_careful_and_is_forgotten() -> None:
    """What nobody has looked at for long is no ground for a deadline, and in the end no ground for anything."""
    estimator = steady(4e7, options=EstimatorOptions(window_s=20.0, halving_s=5.0))
    assert seen(estimator, 9.9 + 5.0).careful_bps == pytest.approx(2e7)
    assert seen(estimator, 9.9 + 10.0).careful_bps == pytest.approx(1e7)
    assert seen(estimator, 9.9 + 10.0).expected_bps == pytest.approx(4e7)
    assert estimator.outlook(31.0) is None
    assert LinkEstimator(BASELINE).outlook(0.0) is None


def test_where_transfers_are_rare_the_last_few_count_however_old_they_are() -> None:
    """One every nine seconds would never be more than two within the window, and no evidence for any change."""
    estimator = LinkEstimator(BASELINE)
    for index, uplink_bps in enumerate((9e6, 1e6, 2e6, 3e6, 4e6)):
        estimator.observe(crossing(9.0 * index, uplink_bps))
    assert seen(estimator, 36.0).samples_bps == pytest.approx((1e6, 2e6, 3e6, 4e6))
    assert estimator.outlook(46.1) is None
    estimator.observe(crossing(1000.0, 5e6))
    assert seen(estimator, 1000.0).samples_bps == pytest.approx((2e6, 3e6, 4e6, 5e6))
    for tenth in range(30):
        estimator.observe(crossing(1001.0 + tenth / 10, 6e6))
    assert seen(estimator, 1004.0).samples_bps[0] == pytest.approx(5e6)


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: value} for name in ("time_s", "up_bytes", "down_bytes", "link_s") for value in (math.nan, math.inf)),
        *({name: -3.0} for name in ("up_bytes", "down_bytes", "link_s")),
        {"time_s": 3.0},
    ],
)
@pytest.mark.parametrize("is_over", [True, False])
def test_what_cannot_have_been_is_ignored(wrong: dict[str, float], is_over: bool) -> None:
    """One wrong figure would be in every mean of its window; a time that goes back would bring old samples back."""
    estimator = steady(4e7)
    before = estimator.outlook(10.0)
    estimator.observe(replace(crossing(10.0, 1e5), is_over=is_over, **wrong))
    assert estimator.outlook(10.0) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"least_spells": 0},
        {"spell_s": 0.0},
        {"spell_s": 30.0},
        {"quantile": 0.0},
        {"quantile": 1.5},
        {"halving_s": 0.0},
        {"most_bps": 0.0},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    """A window that cannot hold a sample, or a quantile of nothing, is a mistake of whoever sets it."""
    with pytest.raises(ValueError, match="expected"):
        EstimatorOptions(**wrong)  # type: ignore[arg-type]


def test_a_baseline_out_of_range_is_refused() -> None:
    """A downlink of nothing would divide by zero much later."""
    with pytest.raises(ValueError, match="above 0"):
        LinkBaseline(rtt_s=0.0, spread_s=0.0, downlink_bps=0.0)


def test_an_outlook_reads_as_a_sentence() -> None:
    """A log says in Mbit/s why plans change, and of delays only where there are any."""
    outlook = replace(LinkOutlook.steady(2e6), recent_bps=230_454.6, careful_bps=43_000.0)
    assert str(outlook) == "0.23 Mbit/s, as a rule 2, to rely on 0.043"
    assert str(replace(outlook, delay_s=0.012)).endswith(", 12 ms longer than measured")
