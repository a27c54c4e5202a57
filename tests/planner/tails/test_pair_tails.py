"""A pair's tails as far as its samples carry them, and the margin where they do not."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from joulecut_core.problems import Slo
from joulecut_core.profiles import Profile
from joulecut_planner.tails import TailEstimates, TailMethod, pair_tails, profile_tail
from tests.planner.synthetic_profiles import (
    EDGE_LAW,
    EDGE_TABLE_MHZ,
    SERVER_LAW,
    SERVER_TABLE_MHZ,
    synthetic_profile,
)
from tests.planner.tails.test_profile_tails import with_runs

SLO = Slo(latency_s=0.06, quantile=0.99, margin="gaussian")
EDGE = with_runs(synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ), 100)
SERVER = with_runs(synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ), 100)


def heavy_tailed(profile: Profile) -> Profile:
    """The profile with runs whose variance is infinite."""
    rng = np.random.default_rng(7)
    points = tuple(
        replace(point, samples_s=tuple((point.whole_s * (1.0 + rng.pareto(0.7, 1000))).tolist()))
        for point in profile.points
    )
    return replace(profile, points=points)


def test_nothing_is_asked_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Without a method, or without a quantile to estimate, plans are what they were."""
    assert pair_tails(None, SLO, edge=EDGE, server=SERVER) == TailEstimates()
    assert pair_tails(TailMethod.EMPIRICAL, Slo(latency_s=0.06), edge=EDGE) == TailEstimates()
    assert caplog.messages == []


def test_every_part_that_is_known(caplog: pytest.LogCaptureFixture) -> None:
    """Both profiles' runs and the crossings of the link, each by the method asked for, and no complaint."""
    excess_s = np.linspace(-0.001, 0.003, 400).tolist()
    tails = pair_tails(TailMethod.EMPIRICAL, SLO, edge=EDGE, server=SERVER, link_excess_s=excess_s)
    assert tails.edge == profile_tail(EDGE, TailMethod.EMPIRICAL)
    assert tails.server == profile_tail(SERVER, TailMethod.EMPIRICAL)
    assert tails.link is not None
    assert tails.link.quantile(0.99) == pytest.approx(0.003, rel=0.02)
    assert caplog.messages == []


def test_a_part_with_too_few_samples_keeps_its_spread(caplog: pytest.LogCaptureFixture) -> None:
    """The others keep their tails; one line names the part, what it has, what it takes, and the margin in its place."""
    with caplog.at_level(logging.WARNING):
        tails = pair_tails(
            TailMethod.EMPIRICAL, SLO, edge=EDGE, server=replace(SERVER, points=SERVER.points[:2]), link_excess_s=(0.1,)
        )
    assert tails.edge is not None
    assert (tails.server, tails.link) == (None, None)
    (line,) = caplog.messages
    assert line.startswith("empirical tail, gaussian margin instead: server: 200 samples for the empirical estimate of")
    assert "expected at least 299" in line
    assert "; link: samples of shape (1,)" in line


def test_a_profile_without_runs_keeps_its_spread(caplog: pytest.LogCaptureFixture) -> None:
    """Profiles from before single runs were kept are planned with as ever."""
    bare = synthetic_profile("edge", EDGE_LAW, EDGE_TABLE_MHZ)
    assert pair_tails(TailMethod.GAUSSIAN, SLO, edge=bare) == TailEstimates()
    assert "keeps no samples_s" in caplog.text


def test_tails_that_do_not_add_up_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """Of two tails in quadrature one without a variance is dropped, and the spread of the other can be asked for."""
    wild, tame = heavy_tailed(EDGE), with_runs(synthetic_profile("server", SERVER_LAW, SERVER_TABLE_MHZ), 1000)
    tails = pair_tails(TailMethod.PARETO, SLO, edge=wild, server=tame)
    assert tails.edge is None
    assert (tails.server_spread(SLO) or 0.0) > 0.0
    assert "has no finite variance" in caplog.text
    alone = pair_tails(TailMethod.PARETO, SLO, edge=wild)
    assert (alone.edge_spread(SLO) or 0.0) > 0.0
