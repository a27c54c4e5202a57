"""Tails from the single runs that profiles keep, and the problems built with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.errors import FitError, ProfileError
from joulecut_core.problems import Slo
from joulecut_core.profiles import Profile
from joulecut_planner.choices.pricing import margin_factor
from joulecut_planner.exact.solver import solve
from joulecut_planner.tables import PlanningInputs, build_problem
from joulecut_planner.tails import TailEstimates, TailMethod, fit_tail, profile_tail, relative_times
from tests.planner.synthetic_profiles import (
    EDGE_LAW,
    EDGE_TABLE_MHZ,
    SERVER_LAW,
    SERVER_TABLE_MHZ,
    planning_inputs,
    synthetic_profile,
)
from tests.planner.tails.latencies import LAWS

SLO = Slo(latency_s=0.06, quantile=0.99, margin="gaussian", rate_hz=10.0)


def with_runs(profile: Profile, runs: int, seed: int = 1) -> Profile:
    """The profile with heavy-tailed single runs around each point's mean."""
    rng = np.random.default_rng(seed)
    draw = LAWS["pareto with shape 0.3"].draw
    points = tuple(
        replace(point, samples_s=tuple((point.whole_s * draw(rng, runs)).tolist())) for point in profile.points
    )
    return replace(profile, points=points)


def inputs() -> PlanningInputs:
    """The synthetic pair with runs kept."""
    return planning_inputs(
        edge=with_runs(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ), 100),
        server=with_runs(synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ), 100),
        slo=SLO,
    )


def test_runs_of_all_points_are_pooled_in_order() -> None:
    """Each run over its own point's mean, points without runs left out."""
    profile = with_runs(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ), 2)
    gap = replace(profile, points=(profile.points[0], replace(profile.points[1], samples_s=()), *profile.points[2:]))
    ratios = relative_times(gap)
    assert len(ratios) == 2 * (len(EDGE_TABLE_MHZ) - 1)
    assert ratios[:2].tolist() == pytest.approx(
        [each / profile.points[0].whole_s for each in profile.points[0].samples_s]
    )
    assert ratios[2] == pytest.approx(profile.points[2].samples_s[0] / profile.points[2].whole_s)


def test_profiles_without_runs_are_refused() -> None:
    """Profiles from before runs were kept say what to do."""
    with pytest.raises(ProfileError, match=r"synthetic edge keeps no samples_s .* profile again"):
        profile_tail(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ), TailMethod.GAUSSIAN)


def test_tails_take_the_place_of_spreads() -> None:
    """Every entry of both tables is the mean times the equivalent spread, the link's its own; means stay."""
    given = inputs()
    edge = profile_tail(given.edge, TailMethod.EMPIRICAL)
    server = profile_tail(given.server, TailMethod.GAUSSIAN)
    link = fit_tail(np.linspace(-0.001, 0.003, 400), TailMethod.EMPIRICAL)
    plain, tailed = build_problem(given), build_problem(given, tails=TailEstimates(edge=edge, server=server, link=link))
    before, after = plain.variants[0], tailed.variants[0]
    assert (after.edge.time_s, after.edge.busy_w, after.server.time_s) == (
        before.edge.time_s,
        before.edge.busy_w,
        before.server.time_s,
    )
    z = margin_factor(SLO)
    assert np.array(after.edge.time_std_s) == pytest.approx(
        np.array(after.edge.time_s) * (edge.quantile(0.99) - 1.0) / z
    )
    assert np.array(after.server.time_std_s) == pytest.approx(
        np.array(after.server.time_s) * (server.quantile(0.99) - 1.0) / z
    )
    assert tailed.link == replace(plain.link, latency_std_s=link.quantile(0.99) / z)


def test_what_has_no_tail_keeps_its_spread() -> None:
    """Tails of one part change that part alone; no tails, or no quantile, change nothing."""
    given = inputs()
    edge = profile_tail(given.edge, TailMethod.EMPIRICAL)
    plain, tailed = build_problem(given), build_problem(given, tails=TailEstimates(edge=edge))
    assert tailed.variants[0].server == plain.variants[0].server
    assert tailed.link == plain.link
    assert build_problem(given, tails=TailEstimates()) == plain
    mean = replace(given, slo=Slo(latency_s=0.06))
    assert build_problem(mean, tails=TailEstimates(edge=edge)) == build_problem(mean)


def test_plans_follow_the_tail() -> None:
    """A plan made with the real tail is bounded by it: later than a normal margin says, sooner than Cantelli's."""
    given = inputs()
    bounds = {}
    for method in TailMethod:
        tails = TailEstimates(
            edge=profile_tail(given.edge, method, level=0.9), server=profile_tail(given.server, method, level=0.9)
        )
        choice = replace(given, slo=replace(SLO, latency_s=1.0))
        bounds[method] = solve(build_problem(choice, tails=tails)).latency_bound_s or 0.0
    assert bounds[TailMethod.GAUSSIAN] < bounds[TailMethod.EMPIRICAL] < bounds[TailMethod.CANTELLI]
    assert bounds[TailMethod.PARETO] == pytest.approx(bounds[TailMethod.EMPIRICAL], rel=0.1)


def test_a_quantile_beyond_the_samples_is_refused() -> None:
    """Seven points of 100 runs do not carry an order statistic of the 99.9th percentile."""
    given = replace(inputs(), slo=replace(SLO, quantile=0.999))
    with pytest.raises(FitError, match="700 samples for the empirical estimate"):
        build_problem(given, tails=TailEstimates(edge=profile_tail(given.edge, TailMethod.EMPIRICAL)))
