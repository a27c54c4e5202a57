"""Whether an estimated quantile holds for samples it was not made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joulecut_planner.choices.grids import Array
from joulecut_planner.tails.estimation import fit_tail
from joulecut_planner.tails.peaks import LEVEL
from joulecut_planner.tails.tail import TailMethod, sample_array


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How often held-out samples exceed the estimate. `ratio`: exceedances over those promised.

    Above 1 the estimate is too low. With few `promised` exceedances chance moves the ratio, by about
    1 / sqrt(promised) where they are independent, and by more where they come in bursts.
    """

    method: TailMethod
    quantile: float
    tested: int
    exceedances: int
    promised: float

    @property
    def ratio(self) -> float:
        """Exceedances over promised ones."""
        return self.exceedances / self.promised


def hold_out(samples: Sequence[float] | Array, method: TailMethod, quantile: float, *, level: float = LEVEL) -> HeldOut:
    """Estimate from the first half and count in the second, and the other way round.

    Halves are taken in the order of the series, so that a regime that changed in between shows. Raises
    FitError where a half has too few samples for the quantile.
    """
    values = sample_array(samples, least=2)
    middle = len(values) // 2
    first, second = values[:middle], values[middle:]
    exceedances = 0
    for known, unknown in ((first, second), (second, first)):
        exceedances += int((unknown > fit_tail(known, method, level=level).quantile(quantile)).sum())
    return HeldOut(
        method=method,
        quantile=quantile,
        tested=len(values),
        exceedances=exceedances,
        promised=(1.0 - quantile) * len(values),
    )
