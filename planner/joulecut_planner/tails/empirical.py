"""Tails from the samples as they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulecut_planner.tails.tail import TailMethod, check_enough, check_quantile

_DOUBT = 0.05
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class EmpiricalTail:
    """Order statistics. `ordered`: all samples, rising.

    The estimate is the k-th lowest of n, k = ceil((n + 1) q): a further sample of the same distribution,
    whatever that is, exceeds it with a probability of 1 - k / (n + 1), at most 1 - q. It needs the samples
    whose highest is above the quantile with 95 % confidence, n >= ln(0.05) / ln(q): 299 for 0.99.
    Source: S. S. Wilks, "Determination of sample sizes for setting tolerance limits" (1941).
    """

    ordered: tuple[float, ...]

    @property
    def method(self) -> TailMethod:
        """Empirical."""
        return TailMethod.EMPIRICAL

    @property
    def samples(self) -> int:
        """See `Tail.samples`."""
        return len(self.ordered)

    def least_samples(self, quantile: float) -> int:
        """See `Tail.least_samples`."""
        check_quantile(quantile)
        return math.ceil(math.log(_DOUBT) / math.log(quantile))

    def quantile(self, quantile: float) -> float:
        """See `Tail.quantile`."""
        check_enough(self, quantile)
        return self.ordered[math.ceil((self.samples + 1) * quantile - _ROUNDING) - 1]
