"""A two-sided cumulative sum: small lasting shifts add up, noise and single outliers do not.

    up   = max(0, up   + min(z, limit) - reference)        alarm above the threshold
    down = max(0, down - max(z, -limit) - reference)

Source: E. S. Page, "Continuous inspection schemes" (1954); residuals are winsorised at `limit`, which
leaves a normal run length as it is or longer, and makes one outlier worth no more than the limit.
"""

from __future__ import annotations

LIMIT = 3.0
"""Standardised residuals count at most this much."""


class Cusum:
    """Takes standardised residuals one by one. `run`: samples since the higher of the sums was last 0."""

    def __init__(self, *, reference: float, threshold: float) -> None:
        self._reference = reference
        self._threshold = threshold
        self._sums = [0.0, 0.0]
        self._runs = [0, 0]

    @property
    def run(self) -> int:
        """How many samples the shift has lasted, if there is one."""
        return self._runs[self._sums.index(max(self._sums))]

    def add(self, residual: float) -> bool:
        """Take one residual, in standard deviations; true where a sum is above the threshold."""
        kept = min(max(residual, -LIMIT), LIMIT)
        for side, step in enumerate((kept, -kept)):
            self._sums[side] = max(0.0, self._sums[side] + step - self._reference)
            self._runs[side] = self._runs[side] + 1 if self._sums[side] > 0.0 else 0
        return max(self._sums) > self._threshold

    def restart(self) -> None:
        """Forget all residuals."""
        self._sums, self._runs = [0.0, 0.0], [0, 0]
