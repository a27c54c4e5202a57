"""How well a fitted curve meets the measurements behind it, and where it may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_core.errors import FitError
from joulecut_planner.choices.grids import Array

_EDGE = 1e-4
"""Clocks this close to the measured range (relative) are in it: drivers round."""

_NEGLIGIBLE = 1e-3
"""Values below this share of the largest are weighed as if they were this large: a zero has no relative error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitQuality:
    """Relative errors in sample, and the clocks between which the curve holds, in MHz."""

    rms_error: float
    p95_error: float
    worst_error: float
    lowest_mhz: float
    highest_mhz: float
    clocks: int

    def check_range(self, core_mhz: float) -> None:
        """Raise FitError where `core_mhz` lies outside the measured clocks: curves are never extrapolated."""
        if not self.lowest_mhz * (1 - _EDGE) <= core_mhz <= self.highest_mhz * (1 + _EDGE):
            raise FitError(
                f"{core_mhz:g} MHz lies outside the measured clocks; expected {self.lowest_mhz:g} to "
                f"{self.highest_mhz:g} MHz: measure there too"
            )


@dataclass(frozen=True, slots=True)
class Samples:
    """Checked measurements: clocks as a share of the top clock, values, and the scale of each relative error."""

    core_mhz: Array
    share: Array
    values: Array
    scale: Array

    @property
    def distinct(self) -> int:
        """How many different core clocks were measured."""
        return len(np.unique(self.core_mhz))

    def quality(self, fitted: Array) -> FitQuality:
        """How far `fitted` is from the measurements."""
        errors = np.abs(fitted - self.values) / self.scale
        return FitQuality(
            rms_error=float(np.sqrt(np.mean(errors**2))),
            p95_error=float(np.quantile(errors, 0.95)),
            worst_error=float(errors.max()),
            lowest_mhz=float(self.core_mhz.min()),
            highest_mhz=float(self.core_mhz.max()),
            clocks=self.distinct,
        )


def samples_of(
    core_mhz: Sequence[float], values: Sequence[float], *, top_mhz: float, quantity: str, least_clocks: int
) -> Samples:
    """Measurements ready for a relative least-squares fit.

    Raises FitError where they are not finite, negative, of unequal number, or at too few distinct clocks.
    """
    clocks, measured = np.asarray(core_mhz, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if clocks.shape != measured.shape or clocks.ndim != 1:
        raise FitError(f"{clocks.size} clocks and {measured.size} values of {quantity}; expected one for each")
    if not (np.isfinite(clocks).all() and np.isfinite(measured).all()):
        raise FitError(f"clocks or {quantity} are not finite; expected numbers: measure again")
    if (clocks <= 0).any() or (measured < 0).any() or not top_mhz > 0:
        raise FitError(f"clocks of 0 or negative {quantity}; expected clocks above 0 and values of at least 0")
    distinct = len(np.unique(clocks))
    if distinct < least_clocks:
        raise FitError(f"{quantity} at {distinct} distinct core clocks; expected at least {least_clocks}: measure more")
    floor = _NEGLIGIBLE * float(measured.max())
    scale = np.maximum(measured, floor) if floor > 0 else np.ones_like(measured)
    return Samples(clocks, clocks / top_mhz, measured, scale)
