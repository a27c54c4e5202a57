"""Every method behind one door."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import FitError
from joulecut_planner.tails import TailMethod, fit_tail
from tests.planner.tails.latencies import LAWS
from tests.thoroughness import examples

QUANTILES = st.lists(st.floats(0.501, 0.999), min_size=2, max_size=5)


@settings(max_examples=examples(60))
@given(st.sampled_from(TailMethod), st.sampled_from(sorted(LAWS)), st.integers(0, 5), QUANTILES)
def test_quantiles_never_fall(method: TailMethod, name: str, seed: int, quantiles: list[float]) -> None:
    """A larger share never has a lower bound, whatever the method and across its inner borders."""
    tail = fit_tail(LAWS[name].draw(np.random.default_rng(seed), 3500), method)
    values = [tail.quantile(quantile) for quantile in sorted(quantiles)]
    assert values == sorted(values)


@pytest.mark.parametrize("method", TailMethod)
def test_a_tail_knows_its_origin(method: TailMethod) -> None:
    """Method and number of samples stand in every tail."""
    tail = fit_tail(LAWS["lognormal"].draw(np.random.default_rng(1), 4000), method)
    assert (tail.method, tail.samples) == (method, 4000)


def test_cantelli_is_the_widest() -> None:
    """What holds for every distribution is wider than what any of these four has."""
    samples = LAWS["pareto with shape 0.3"].draw(np.random.default_rng(1), 4000)
    values = {method: fit_tail(samples, method).quantile(0.999) for method in TailMethod}
    assert max(values, key=lambda method: values[method]) is TailMethod.CANTELLI
    assert min(values, key=lambda method: values[method]) is TailMethod.GAUSSIAN


@pytest.mark.parametrize("method", TailMethod)
@pytest.mark.parametrize("samples", [[], [1.0, math.nan] * 2000, [1.0, math.inf] * 2000, [[1.0, 2.0]]])
def test_what_is_no_series_is_refused(method: TailMethod, samples: list[float]) -> None:
    """Nothing, NaN, infinities and tables raise before anything is estimated."""
    with pytest.raises(FitError, match=r"expected one row|expected finite|expected at least"):
        fit_tail(samples, method)
