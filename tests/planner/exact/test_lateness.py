"""The price of lateness is raised to where a group's bound is highest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.problems import Slo
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.groups import groups_of
from joulecut_planner.exact.bounds import Relaxation, relax
from joulecut_planner.exact.lateness import climb
from tests.planner.drawn_problems import drawn_problem


def relaxation(slo: Slo) -> Relaxation:
    """The bounds of a realistic problem's groups."""
    problem = drawn_problem(6, cuts=8, edge_points=20, server_points=30, slo=slo)
    problem = replace(problem, link=replace(problem.link, uplink_bps=1e9))
    grids = grids_of(problem)
    return relax(problem, grids, groups_of(problem, grids, keep_rate=True))


@pytest.mark.parametrize("slo", [Slo(latency_s=0.03, rate_hz=10.0), Slo(latency_s=0.03, quantile=0.9)])
def test_no_other_price_bounds_higher(slo: Slo) -> None:
    """A fine grid of prices finds no bound above the one climbed to, and the price is not 0 where that is too slow."""
    relaxed = relaxation(slo)
    raised = 0
    for group in range(len(relaxed.frame)):
        found = climb(relaxed, group)
        if found.hopeless:
            continue
        highest_j = relaxed.lower_j(found.price_w)[group]
        raised += found.price_w > 0.0
        for price_w in np.geomspace(1e-2, 1e4, 120):
            assert relaxed.lower_j(float(price_w))[group] <= highest_j * (1 + 1e-6)
        start_w = 2.0 * found.price_w + 0.1
        assert relaxed.lower_j(climb(relaxed, group, start_w=start_w).price_w)[group] >= highest_j * (1 - 1e-6)
    assert raised


def test_hopeless_groups_are_known() -> None:
    """Too slow at their fastest: said so of each by itself and of all at once."""
    relaxed = relaxation(Slo(latency_s=0.015))
    hopeless = relaxed.hopeless()
    assert [climb(relaxed, group).hopeless for group in range(len(hopeless))] == hopeless.tolist()
    assert 0 < hopeless.sum() < len(hopeless)


def test_without_a_deadline_lateness_has_no_price() -> None:
    """The cheapest pair is met at once."""
    found = climb(relaxation(Slo(rate_hz=10.0)), 0)
    assert (found.price_w, found.hopeless) == (0.0, False)
    assert found.energy_j == pytest.approx(relaxation(Slo(rate_hz=10.0)).lower_j(0.0)[0])
