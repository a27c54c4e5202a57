"""Contenders price as plans do, at any uplink."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from joulecut_core.problems import Problem
from joulecut_planner import parse_problem, solve
from joulecut_planner.choices.constraints import violated
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.choices.variations import with_uplink
from joulecut_planner.links import LinkOutlook
from joulecut_planner.switching import contender_of, may_probe
from tests.planner.problem_strategies import SLOW_DRAWS, problems
from tests.planner.small_document import small_document
from tests.thoroughness import examples

SENT = Choice(cut=0, wire=0, variant=0, edge_point=1, server_point=0)
UPLINKS = st.floats(1e5, 1e9)


@given(problem=problems(), uplink_bps=UPLINKS)
@settings(max_examples=examples(100), deadline=None, suppress_health_check=SLOW_DRAWS)
def test_a_contender_is_the_planners_price(problem: Problem, uplink_bps: float) -> None:
    """Seconds, joules and whether terms are kept are those of the one statement of the formulas, on every uplink."""
    plan = solve(problem)
    assume(plan.cut is not None)
    choice = choice_of(problem, plan)
    contender, there = contender_of(problem, choice), with_uplink(problem, uplink_bps)
    expected = price(there, choice)
    assert contender.bound_s(uplink_bps) == pytest.approx(expected.latency_bound_s, rel=1e-9, abs=1e-12)
    assert contender.energy_j(uplink_bps) == pytest.approx(expected.energy_j, rel=1e-6, abs=1e-9)
    latency_s = problem.slo.latency_s
    if latency_s is not None and not math.isclose(expected.latency_bound_s, latency_s, rel_tol=1e-6):
        assert contender.keeps(uplink_bps) is not ("latency" in violated(there, expected)) or "rate" in violated(
            there, expected
        )


def test_finishing_alone_is_the_rest_of_the_edges_own_run() -> None:
    """Seconds and joules of the edge's part and of what is left add up to those of the whole; a rate is a period."""
    problem = parse_problem(small_document())
    problem = replace(problem, slo=replace(problem.slo, rate_hz=20.0))
    split = contender_of(problem, replace(SENT, cut=1))
    whole = contender_of(problem, replace(SENT, cut=len(problem.cuts) - 1, server_point=None))
    everything, nothing = contender_of(problem, SENT), whole
    assert split.head_s > 0.0
    assert split.head_s + split.tail_s == pytest.approx(whole.head_s)
    assert 0.0 < split.tail_j < everything.tail_j
    assert (nothing.tail_s, nothing.tail_j) == (0.0, 0.0)
    assert (split.period_s, whole.period_s) == (0.05, 0.05)


def test_the_least_uplink_is_where_terms_begin_to_be_kept() -> None:
    """Just above it a contender keeps its terms, just below not."""
    contender = contender_of(parse_problem(small_document()), SENT)
    least_bps = contender.least_bps
    assert least_bps > 0.0
    assert contender.keeps(1.001 * least_bps)
    assert not contender.keeps(0.999 * least_bps)


def test_finishing_alone_is_counted_for_the_bad_moments_only() -> None:
    """Mean joules over a link that is bad half of the time: the edge finishes half of the requests by itself."""
    contender = contender_of(parse_problem(small_document()), SENT)
    good = LinkOutlook.steady(10.0 * contender.least_bps)
    bad_bps = contender.least_bps / 10.0
    mixed = LinkOutlook(
        samples_bps=(bad_bps, good.usual_bps),
        expected_bps=bad_bps,
        usual_bps=good.usual_bps,
        careful_bps=bad_bps,
        recent_bps=bad_bps,
        age_s=0.0,
    )
    assert contender.mean_j(good) == pytest.approx(contender.energy_j(good.usual_bps))
    late_j = contender.energy_j(contender.least_bps) + contender.tail_j
    assert contender.mean_j(mixed) == pytest.approx((contender.mean_j(good) + late_j) / 2.0)


def test_a_delay_counts_before_the_deadline_and_in_joules_of_what_crosses_the_link() -> None:
    """A plan that would be late by it keeps its terms no more; an edge by itself waits for no link."""
    sent = contender_of(parse_problem(small_document()), SENT)
    uplink_bps = 10.0 * sent.least_bps
    spare_s = sent.latest_s - sent.bound_s(uplink_bps)
    assert sent.keeps(uplink_bps, 0.9 * spare_s)
    assert not sent.keeps(uplink_bps, 1.1 * spare_s)
    steady = LinkOutlook.steady(uplink_bps)
    delayed = replace(steady, delay_s=0.04)
    assert sent.mean_j(delayed) == pytest.approx(sent.mean_j(steady) + 0.02 * sent.way_up_w)
    home = replace(sent, uplink_bytes=0.0)
    assert home.keeps(uplink_bps, 1.1 * spare_s)
    assert home.mean_j(delayed) == home.mean_j(steady)


def test_a_link_is_probed_beside_requests_where_that_may_pay_and_costs_no_deadline() -> None:
    """A plan that sends too little to tell of the link, another that sends more, and time to finish alone."""
    problem = parse_problem(small_document())
    sent, little = contender_of(problem, SENT), replace(contender_of(problem, SENT), uplink_bytes=500.0, latest_s=1.0)
    home = replace(sent, uplink_bytes=0.0)
    told = LinkOutlook.steady(1e7)
    untold = replace(told, doubt_s=0.002)
    assert may_probe((home, little, sent), 0, None)
    assert may_probe((home, little, sent), 1, untold)
    assert may_probe((home, replace(little, latest_s=math.inf), sent), 1, untold)
    assert not may_probe((home, little, sent), 1, told)
    assert not may_probe((home, little, sent), 1, None)
    assert not may_probe((home, little), 1, untold)
    assert not may_probe((home, replace(little, latest_s=0.05), sent), 1, untold)
