"""From samples to a tail, by the method asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulecut_planner.choices.grids import Array
from joulecut_planner.tails.empirical import EmpiricalTail
from joulecut_planner.tails.moments import MomentTail
from joulecut_planner.tails.peaks import LEVEL, fit_peaks
from joulecut_planner.tails.tail import Tail, TailMethod, sample_array


def fit_tail(samples: Sequence[float] | Array, method: TailMethod, *, level: float = LEVEL) -> Tail:
    """The tail of `samples`, in their unit. `level`: where a generalised Pareto tail begins.

    Raises FitError where the samples are not finite or cannot carry the method at all; what a single
    quantile needs is checked when it is asked for.
    """
    if method is TailMethod.PARETO:
        return fit_peaks(sample_array(samples, least=1), level=level)
    values = sample_array(samples, least=2)
    if method is TailMethod.EMPIRICAL:
        return EmpiricalTail(ordered=tuple(np.sort(values).tolist()))
    return MomentTail(method=method, samples=len(values), mean=float(values.mean()), std=float(values.std(ddof=1)))
