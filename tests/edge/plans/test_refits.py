"""Plans brought to what live requests took."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.problems import Slo
from joulecut_edge.config import EdgeConfig, PlanningOptions
from joulecut_edge.plans.refits import compounded, rescaled, with_tail
from joulecut_edge.plans.wishes import Wishes
from joulecut_planner.choices.pricing import margin_factor
from joulecut_planner.drift import Corrections, PointFactor
from joulecut_proto.planning_messages import StageFactors
from tests.edge.session_parts import HIGH, LINK
from tests.integration.tiny_profiles import edge_profile

SLO = Slo(latency_s=0.1, quantile=0.99, margin="gaussian")
WISHES = Wishes.from_config(
    EdgeConfig(device="emulated:t4", bundle="b", slo=SLO, planning=PlanningOptions(tail="empirical"))
)


def test_factors_compound() -> None:
    """What requests show is on top of what their plan was made with; a stage that did not drift keeps its factor."""
    found = Corrections(edge=(PointFactor(point=HIGH, factor=1.5),), encode=3.0, decode=0.5)
    now = compounded(StageFactors(head=2.0, encode=1.5, decode=4.0, tail=3.0), found)
    assert now == StageFactors(head=3.0, encode=4.5, decode=2.0, tail=3.0)
    assert compounded(now, Corrections()) == now


def test_a_slower_link() -> None:
    """Three times as long for every crossing, whatever its bytes; the radio's watts stay."""
    before = replace(LINK, latency_std_s=0.001)
    slower = rescaled(before, 3.0)
    for size_bytes in (0.0, 1e6):
        was_s, now_s = (8.0 * size_bytes / link.uplink_bps + link.rtt_s / 2 for link in (before, slower))
        assert now_s == pytest.approx(3.0 * was_s)
    assert slower.latency_std_s == pytest.approx(0.003)
    assert (slower.uplink_w, slower.downlink_w) == (LINK.uplink_w, LINK.downlink_w)


def test_the_tail_of_crossings_is_in_the_spread() -> None:
    """The margin of the plan allows for the excess that 99 in 100 crossings stayed below."""
    excess_s = np.random.default_rng(3).exponential(0.002, 600).tolist()
    tailed = with_tail(LINK, edge_profile(), WISHES, excess_s)
    assert tailed == replace(LINK, latency_std_s=tailed.latency_std_s)
    allowed_s = margin_factor(SLO) * tailed.latency_std_s
    assert sum(each > allowed_s for each in excess_s) / len(excess_s) == pytest.approx(0.01, abs=0.002)


def test_without_wish_or_crossings_the_link_stays() -> None:
    """No method, no crossings, or too few of them: the spread of the probes."""
    profile = edge_profile()
    assert with_tail(LINK, profile, replace(WISHES, tail_method=None), [0.001] * 600) == LINK
    assert with_tail(LINK, profile, WISHES, ()) == LINK
    assert with_tail(LINK, profile, WISHES, [0.001] * 50) == LINK
