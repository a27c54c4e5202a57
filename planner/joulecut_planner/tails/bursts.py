"""Whether misses come alone or in bursts: a rate does not say.

A deadline missed once in a thousand requests may be one request in each thousand or fifty in a row
every fifty thousand. A quantile is the same for both; who controls something by the answers is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_core.errors import FitError
from joulecut_planner.choices.grids import Array
from joulecut_planner.tails.tail import sample_array


@dataclass(frozen=True, slots=True, kw_only=True)
class Burstiness:
    """Misses of a limit in a series.

    `miss_rate`: their share. `repeat_rate`: P(miss | miss before); equal to `miss_rate` where misses are
    independent. `mean_run`: how many come in a row. `dispersion`: variance over mean of the misses in
    windows of `window` requests; 1 - miss_rate where they are independent, above where they cluster.
    All but the rate are None where there is nothing to tell them from.
    """

    requests: int
    misses: int
    miss_rate: float
    repeat_rate: float | None
    mean_run: float | None
    dispersion: float | None
    window: int


def burstiness(samples: Sequence[float] | Array, limit: float, *, window: int = 100) -> Burstiness:
    """How the samples above `limit` lie in the series, which is in the order of requests.

    Raises FitError for a series that is empty or not finite, and for a window shorter than 2.
    """
    if window < 2:
        raise FitError(f"windows of {window} requests; expected at least 2")
    missed = sample_array(samples, least=1) > limit
    misses = int(missed.sum())
    followed = int(missed[:-1].sum())
    runs = int(missed[0]) + int((missed[1:] & ~missed[:-1]).sum())
    return Burstiness(
        requests=len(missed),
        misses=misses,
        miss_rate=misses / len(missed),
        repeat_rate=int((missed[1:] & missed[:-1]).sum()) / followed if followed else None,
        mean_run=misses / runs if runs else None,
        dispersion=_dispersion(missed.astype(np.float64), window),
        window=window,
    )


def _dispersion(missed: Array, window: int) -> float | None:
    windows = len(missed) // window
    counts = missed[: windows * window].reshape(windows, window).sum(axis=1)
    if windows < 2 or not counts.any():
        return None
    return float(counts.var(ddof=1) / counts.mean())
