"""The model of one device: the best on unseen networks is chosen, the simplest of equals."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_core.errors import FitError
from joulecut_core.figures import FigureKind
from joulecut_planner.block_power import model as model_module
from joulecut_planner.block_power.model import fit_block_power
from joulecut_planner.block_power.regressors import CANDIDATES, Candidate, Regressor
from joulecut_planner.block_power.rows import FeatureSet
from tests.planner.block_power.drawn_blocks import drawn_network, drawn_networks

RATES = CANDIDATES[0]
RIDGE = Candidate(regressor=Regressor.RIDGE, features=FeatureSet.STATIC)
NEIGHBOURS = Candidate(regressor=Regressor.NEIGHBOURS, features=FeatureSet.STATIC)


def test_the_right_form_is_chosen_wherever_it_stands() -> None:
    """On data of joules per FLOP the regressor of joules per FLOP wins, first or last in the list."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    networks = drawn_networks(8, noise=0.01, shortest_s=1e-4)
    for candidates in ((RATES, RIDGE, NEIGHBOURS), (NEIGHBOURS, RIDGE, RATES)):
        model = fit_block_power(networks, candidates=candidates)
        assert model.chosen == RATES
        assert [report.candidate for report in model.reports] == list(candidates)
        assert model.report.candidate == RATES


def test_equal_candidates_leave_the_simpler_one() -> None:
    """A regressor that is hardly better than a simpler one is not worth its surprises."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    timed = Candidate(regressor=Regressor.RIDGE, features=FeatureSet.TIMED)
    static = Candidate(regressor=Regressor.RIDGE, features=FeatureSet.STATIC)
    for first, second in ((timed, static), (static, timed)):
        model = fit_block_power(drawn_networks(6), candidates=(first, second), folds=3)
        errors = [report.error for report in model.reports]
        assert model.chosen == (second if errors[1] < 0.9 * errors[0] else first)


def test_short_blocks_of_a_new_network_are_priced() -> None:
    """Blocks without watts get the law's, metered ones keep theirs, and the network's sum is the meter's."""
    model = fit_block_power(drawn_networks(8, noise=0.003, shortest_s=2e-4), candidates=(RATES,))
    prices = model.prices(drawn_network(50, noise=0.003, shortest_s=2e-4))
    exact = drawn_network(50)
    estimated = 0
    for point, truth in zip(prices.points, exact.points, strict=True):
        assert sum(point.block_j) == pytest.approx(truth.whole_j, rel=1e-9)
        assert point.block_w == pytest.approx([watts for watts in truth.block_w if watts is not None], rel=0.05)
        estimated += point.kinds.count(FigureKind.ESTIMATED)
    assert estimated > 3
    assert prices.stated_error == model.report.whole.p95
    assert prices.power_scope == "board"


def test_metered_blocks_are_predicted_too() -> None:
    """`power_w` answers for every block, in the shape of points and blocks."""
    model = fit_block_power(drawn_networks(4), candidates=(RATES,))
    network = drawn_network(9)
    exact_w = np.array([point.block_w for point in network.points], dtype=np.float64)
    assert model.power_w(network) == pytest.approx(exact_w, rel=1e-6)


def test_another_device_is_refused() -> None:
    """Watts learned on one device say nothing about another."""
    model = fit_block_power(drawn_networks(4), candidates=(RATES,))
    with pytest.raises(FitError, match="never mixed"):
        model.prices(drawn_network(9, device="other"))


def test_without_a_learner_rates_are_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain install still prices blocks; no candidate at all is an error."""
    monkeypatch.setattr(model_module, "scikit_learn_is_there", lambda: False)
    assert [report.candidate for report in fit_block_power(drawn_networks(4)).reports] == [RATES]
    with pytest.raises(FitError, match="no candidates"):
        fit_block_power(drawn_networks(4), candidates=())
