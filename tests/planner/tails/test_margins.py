"""Tails as equivalent spreads: what a plan then promises, checked on drawn latencies."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import FitError
from joulecut_core.problems import Slo
from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.pricing import margin_factor
from joulecut_planner.tails import MissBudget, Tail, TailEstimates, TailMethod, fit_tail
from joulecut_planner.tails.empirical import EmpiricalTail
from joulecut_planner.tails.generalised_pareto import GeneralisedPareto
from joulecut_planner.tails.moments import MomentTail
from joulecut_planner.tails.peaks import ParetoTail
from tests.planner.tails.latencies import HEAVY, LAWS
from tests.thoroughness import examples

EDGE_S, SERVER_S = 0.030, 0.020
GAUSSIAN = Slo(latency_s=0.1, quantile=0.99, margin="gaussian")


def bound_s(estimates: TailEstimates, slo: Slo) -> float:
    """T_q of the contract for a pair of parts, without a link."""
    spreads = np.array([estimates.edge_spread(slo) or 0.0, estimates.server_spread(slo) or 0.0])
    return EDGE_S + SERVER_S + margin_factor(slo) * float(np.hypot(*(spreads * [EDGE_S, SERVER_S])))


def seconds(name: str, seed: int, count: int) -> tuple[Array, Array]:
    """Independent relative times of both sides."""
    rng = np.random.default_rng(seed)
    return LAWS[name].draw(rng, count), LAWS[name].draw(rng, count)


@cache
def drawn_tails(method: TailMethod, name: str) -> TailEstimates:
    """Tails of both sides, each from its own samples."""
    edge, server = (fit_tail(samples, method) for samples in seconds(name, 3, 4000))
    return TailEstimates(edge=edge, server=server)


@pytest.mark.parametrize("name", ["normal", "exponential", *HEAVY])
@pytest.mark.parametrize("quantile", [0.99, 0.999])
@pytest.mark.parametrize("method", [TailMethod.EMPIRICAL, TailMethod.PARETO])
def test_promises_of_two_heavy_parts_hold(name: str, quantile: float, method: TailMethod) -> None:
    """Sums of fresh independent times miss T_q at most 1.5 times as often as promised, on average over estimates."""
    fresh = seconds(name, seed=100, count=400_000)
    total_s = np.sort(EDGE_S * fresh[0] + SERVER_S * fresh[1])
    slo, missed = Slo(quantile=quantile, margin="gaussian"), []
    for seed in range(20):
        edge, server = (fit_tail(samples, method) for samples in seconds(name, seed, 4000))
        bound = bound_s(TailEstimates(edge=edge, server=server), slo)
        missed.append(1.0 - np.searchsorted(total_s, bound) / len(total_s))
    assert np.mean(missed) <= 1.5 * (1.0 - quantile)


def test_normal_parts_are_met_exactly() -> None:
    """Of independent normal parts quadrature is the sum's own quantile: about the promised share misses."""
    fresh = seconds("normal", seed=100, count=400_000)
    total_s = EDGE_S * fresh[0] + SERVER_S * fresh[1]
    edge, server = (fit_tail(samples, TailMethod.EMPIRICAL) for samples in seconds("normal", 1, 50_000))
    assert np.mean(total_s > bound_s(TailEstimates(edge=edge, server=server), GAUSSIAN)) == pytest.approx(0.01, rel=0.1)


def test_rare_stalls_need_a_shared_budget() -> None:
    """Stalls in 0.8 % of each part's runs are 1.6 % together: at q = 0.99 only the shared budget sees them."""
    rng = np.random.default_rng(1)
    edge, server = (np.where(rng.random(200_000) < 0.008, 2.0, 0.992) for _ in range(2))
    tails = [EmpiricalTail(ordered=tuple(np.sort(part).tolist())) for part in (edge, server)]
    total_s = EDGE_S * edge + SERVER_S * server
    whole = TailEstimates(edge=tails[0], server=tails[1])
    shared = TailEstimates(edge=tails[0], server=tails[1], budget=MissBudget.SHARED)
    assert np.mean(total_s > bound_s(whole, GAUSSIAN)) > 0.015
    assert np.mean(total_s > bound_s(shared, GAUSSIAN)) < 0.01


@settings(max_examples=examples(40))
@given(
    st.sampled_from(TailMethod),
    st.sampled_from(sorted(LAWS)),
    st.floats(0.6, 0.998),
    st.floats(0.0, 0.3),
    st.sampled_from(["gaussian", "cantelli"]),
    st.sampled_from(MissBudget),
)
def test_bound_is_above_the_mean_and_rises(
    method: TailMethod, name: str, quantile: float, step: float, margin: str, budget: MissBudget
) -> None:
    """T_q is never below T, never falls with q, and is the same under either margin of the contract."""
    estimates = replace(drawn_tails(method, name), budget=budget)
    low = bound_s(estimates, Slo(quantile=quantile, margin=margin))
    high = bound_s(estimates, Slo(quantile=quantile + step * (0.9984 - quantile), margin=margin))
    assert EDGE_S + SERVER_S <= low <= high + 1e-12
    assert low == pytest.approx(bound_s(estimates, Slo(quantile=quantile, margin="gaussian")))


def test_excess_over_the_prediction() -> None:
    """A part that runs above its predicted mean pays for that too; one that stays below it gets no margin."""
    slow = MomentTail(method=TailMethod.GAUSSIAN, samples=100, mean=1.05, std=0.0)
    fast = MomentTail(method=TailMethod.GAUSSIAN, samples=100, mean=0.9, std=0.01)
    estimates = TailEstimates(edge=slow, server=fast)
    assert estimates.edge_spread(GAUSSIAN) == pytest.approx(0.05 / margin_factor(GAUSSIAN))
    assert estimates.server_spread(GAUSSIAN) == 0.0


def test_the_links_tail_is_in_seconds() -> None:
    """Residuals of crossings are differences, so their excess counts from 0."""
    link = MomentTail(method=TailMethod.GAUSSIAN, samples=100, mean=0.001, std=0.002)
    spread_s = TailEstimates(link=link).link_spread_s(GAUSSIAN)
    assert spread_s == pytest.approx(0.001 / margin_factor(GAUSSIAN) + 0.002)


@pytest.mark.parametrize("slo", [Slo(), Slo(latency_s=0.1)])
def test_without_a_quantile_nothing_is_replaced(slo: Slo) -> None:
    """Where the mean must keep the deadline there is no excess to speak of."""
    tail = MomentTail(method=TailMethod.GAUSSIAN, samples=100, mean=1.0, std=0.1)
    estimates = TailEstimates(edge=tail, server=tail, link=tail)
    assert (estimates.edge_spread(slo), estimates.server_spread(slo), estimates.link_spread_s(slo)) == (None,) * 3
    assert TailEstimates().edge_spread(GAUSSIAN) is None


def test_infinite_variance_is_not_added_in_quadrature() -> None:
    """Two tails of shape 1.2 together exceed what quadrature allows: refused, unless alone or under a shared budget."""
    body = EmpiricalTail(ordered=tuple(np.linspace(0.9, 1.1, 10_000).tolist()))

    def wild(shape: float) -> Tail:
        return ParetoTail(body=body, level=0.99, threshold=1.1, excess=GeneralisedPareto(shape=shape, scale=0.1))

    with pytest.raises(FitError, match=r"shape 1\.20, beyond doubt above 0\.76, has no finite variance"):
        TailEstimates(edge=wild(1.2), server=wild(1.2)).edge_spread(GAUSSIAN)
    alone = TailEstimates(edge=wild(1.2)).edge_spread(GAUSSIAN) or 0.0
    shared = TailEstimates(edge=wild(1.2), server=wild(1.2), budget=MissBudget.SHARED).edge_spread(GAUSSIAN) or 0.0
    assert shared > 1.5 * alone > 0
    # A hundred excesses cannot tell a shape of 0.6 from a finite variance.
    assert TailEstimates(edge=wild(0.6), server=wild(0.6)).edge_spread(GAUSSIAN) is not None


def test_too_few_samples_do_not_pass_silently() -> None:
    """A problem for a quantile that the samples do not carry is refused where it is built."""
    tail = EmpiricalTail(ordered=tuple(np.linspace(0.9, 1.1, 300).tolist()))
    assert TailEstimates(edge=tail).edge_spread(GAUSSIAN) is not None
    with pytest.raises(FitError, match=r"300 samples for the empirical estimate of quantile 0\.999"):
        TailEstimates(edge=tail).edge_spread(Slo(quantile=0.999))
    # Two parts share the misses, so each needs the samples of a higher quantile.
    with pytest.raises(FitError, match=r"quantile 0\.995"):
        TailEstimates(edge=tail, server=tail, budget=MissBudget.SHARED).edge_spread(GAUSSIAN)
