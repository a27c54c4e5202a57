"""How far predicted watts are from metered ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Over all rows: R^2 and root mean square error in watts, and relative errors.

    `r2_at_clock` is R^2 about the mean of each operating point in place of the one mean: the clocks alone
    explain most of the spread of watts, and this is what knowing the block adds. At most 1; 0 is a mean's worth.
    """

    rows: int
    r2: float
    r2_at_clock: float
    rmse_w: float
    median_error: float
    p95_error: float
    rms_error: float


def scores_of(predicted_w: Array, metered_w: Array, point: NDArray[np.int64]) -> Scores:
    """The scores of predictions, all of shape (rows,); `point` tells rows of one operating point."""
    squares = (predicted_w - metered_w) ** 2
    relative = np.abs(predicted_w / metered_w - 1.0)
    counts = np.maximum(np.bincount(point), 1)
    at_clock = (np.bincount(point, weights=metered_w) / counts)[point]
    return Scores(
        rows=len(metered_w),
        r2=_explained(squares, metered_w - metered_w.mean()),
        r2_at_clock=_explained(squares, metered_w - at_clock),
        rmse_w=float(np.sqrt(squares.mean())),
        median_error=float(np.median(relative)),
        p95_error=float(np.quantile(relative, 0.95)),
        rms_error=float(np.sqrt((relative**2).mean())),
    )


def _explained(squares: Array, deviations: Array) -> float:
    spread = float(deviations @ deviations)
    return 1.0 - float(squares.sum()) / spread if spread > 0 else 0.0
