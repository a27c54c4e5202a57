"""A round trip that varies is told from slow bytes, and a link that has become slow from a round trip that varies."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import chain, repeat
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_planner.links import LinkBaseline, LinkEstimator, LinkOutlook, ProbePlan, Transfer
from joulecut_planner.links.delays import Delays

CALM = LinkBaseline(rtt_s=0.01, spread_s=0.0005, downlink_bps=5e7)


class Link:
    """A link whose ways take up to `jitter_s` longer than measured; it tells an estimator of each crossing."""

    def __init__(self, *, jitter_s: float, uplink_bps: float, seed: int) -> None:
        self.jitter_s, self.uplink_bps = jitter_s, uplink_bps
        self.estimator = LinkEstimator(CALM)
        self.now_s = 0.0
        self._draws = random.Random(seed)  # noqa: S311 - draws of a test

    def cross(self, up_bytes: float, *, every_s: float = 0.2) -> LinkOutlook:
        """One crossing, and what is known after it."""
        delay_s = self._draws.uniform(0.0, self.jitter_s)
        link_s = CALM.rtt_s + 8.0 * up_bytes / self.uplink_bps + delay_s
        self.now_s += every_s + link_s
        self.estimator.observe(Transfer(time_s=self.now_s, up_bytes=up_bytes, down_bytes=0.0, link_s=link_s))
        outlook = self.estimator.outlook(self.now_s)
        assert outlook is not None
        return outlook

    def crosses(self, count: int, up_bytes: float, *, every_s: float = 0.2) -> LinkOutlook:
        """Several of one size."""
        return [self.cross(up_bytes, every_s=every_s) for _ in range(count)][-1]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("jitter_s", [0.01, 0.03, 0.05])
@pytest.mark.parametrize("every_s", [0.1, 5.0])
def test_few_bytes_on_a_round_trip_that_varies_are_no_slow_link(seed: int, jitter_s: float, every_s: float) -> None:
    """They tell what the link is not slower than and how long delays are: a larger probe is then due."""
    link = Link(jitter_s=0.0, uplink_bps=2e7, seed=seed)
    link.crosses(10, 20_000, every_s=every_s)
    link.jitter_s = jitter_s
    outlook = link.crosses(30, 300, every_s=every_s)
    assert 0.4 * jitter_s <= outlook.delay_s <= 1.1 * jitter_s
    assert outlook.doubt_s == outlook.delay_s
    size_bytes = ProbePlan().due_bytes(link.now_s, outlook)
    assert size_bytes is not None
    assert size_bytes > 1024


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("jitter_s", [0.01, 0.03, 0.05])
def test_probes_find_a_link_whose_round_trip_varies_more_than_when_it_was_measured(seed: int, jitter_s: float) -> None:
    """At home each probe is followed by one without bytes: these tell delays, and larger ones the link."""
    link, plan, usual_bps = Link(jitter_s=jitter_s, uplink_bps=2e7, seed=seed), ProbePlan(), []
    outlook: LinkOutlook | None = None
    for _ in range(60):
        size_bytes = plan.due_bytes(link.now_s + 2.0, None if outlook is None else replace(outlook, age_s=2.0))
        assert size_bytes is not None
        outlook = link.cross(size_bytes, every_s=2.0)
        link.cross(0, every_s=0.0)
        usual_bps.append(outlook.usual_bps)
    assert 7e6 <= median(usual_bps[30:]) <= 2.5e7


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("jitter_s", [0.0, 0.01, 0.03, 0.05])
def test_a_link_that_has_become_slow_is_no_round_trip_that_varies(seed: int, jitter_s: float) -> None:
    """Bytes that take far longer than delays do tell at once that it fell, whatever the round trip does meanwhile."""
    link = Link(jitter_s=jitter_s, uplink_bps=2e7, seed=seed)
    link.crosses(40, 20_000)
    link.uplink_bps = 5e5
    fallen = link.crosses(2, 20_000)
    assert fallen.recent_bps == pytest.approx(5e5, rel=0.15)
    for outlook in (link.cross(20_000) for _ in range(20)):
        assert outlook.careful_bps <= 6e5
        assert outlook.delay_s <= 2.0 * jitter_s


@given(
    sizes=st.lists(st.integers(1, 1000), min_size=12, max_size=40),
    uplink_bps=st.floats(1e4, 1e8),
    later_s=st.floats(0.0, 0.05),
)
def test_what_bytes_or_a_longer_way_explain_is_no_delay(sizes: list[int], uplink_bps: float, later_s: float) -> None:
    """However slow a link or long a way has become, and whatever sizes cross it: nothing varies but the bytes."""
    delays = Delays(1e-4)
    for turn, size_bytes in enumerate(sizes):
        delays.observe(0.1 * turn, 8.0 * size_bytes, later_s + 8.0 * size_bytes / uplink_bps)
        assert delays.longest_s == 0.0


@pytest.mark.parametrize("sizes", [(300, 300), (3000, 3000), (300, 20_000), (1024, 4096)])
def test_a_fall_on_a_calm_link_is_never_a_delay(sizes: tuple[int, int]) -> None:
    """One fall is one difference, and larger bytes that take longer than smaller ones are none."""
    link = Link(jitter_s=0.0, uplink_bps=2e7, seed=0)
    for uplink_bps, size in chain(
        zip(repeat(2e7, 20), sizes * 10, strict=True), zip(repeat(2e5, 20), sizes * 10, strict=True)
    ):
        link.uplink_bps = uplink_bps
        assert link.cross(size).delay_s == 0.0


@pytest.mark.parametrize("up_bytes", [0, 300, 1024])
def test_a_round_trip_that_is_calm_again_is_believed_after_as_many_crossings(up_bytes: int) -> None:
    """Delays are those of the latest crossings: none lasts, whatever crosses then."""
    link = Link(jitter_s=0.05, uplink_bps=2e7, seed=1)
    assert link.crosses(30, 300).delay_s > 0.0
    link.jitter_s = 0.0
    assert link.crosses(17, up_bytes).delay_s == 0.0
