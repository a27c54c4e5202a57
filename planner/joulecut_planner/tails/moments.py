"""Tails from a mean and a spread alone: the two margins of the planning contract."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.errors import FitError
from joulecut_core.problems import Slo
from joulecut_planner.choices.pricing import margin_factor
from joulecut_planner.tails.tail import TailMethod, check_enough

_LEAST = 30
"""The spread of 30 normal samples is known to 13 % (one standard error, 1/sqrt(2n)); of heavy tails to less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentTail:
    """mean + z * std, z being the contract's factor of either margin.

    Holds for `gaussian` where the samples are normal: above the 99th percentile real boards are not.
    Holds for `cantelli` whatever the distribution, as far as 30 samples or more tell its mean and spread.
    """

    method: TailMethod
    samples: int
    mean: float
    std: float

    def __post_init__(self) -> None:
        if self.method not in (TailMethod.GAUSSIAN, TailMethod.CANTELLI):
            raise FitError(f"method {self.method.value!r} of a mean and a spread; expected 'gaussian' or 'cantelli'")

    def least_samples(self, quantile: float) -> int:
        """See `Tail.least_samples`; the same for every quantile."""
        del quantile
        return _LEAST

    def quantile(self, quantile: float) -> float:
        """See `Tail.quantile`."""
        check_enough(self, quantile)
        return self.mean + margin_factor(Slo(quantile=quantile, margin=self.method.value)) * self.std
