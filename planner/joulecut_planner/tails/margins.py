"""Tails as the spreads that a planning problem knows.

The contract has one margin, z standard deviations added in quadrature. A tail enters as its *equivalent
spread*: its excess over the predicted time at the problem's quantile, divided by the z in force, so that

    T_q = T + z * sqrt(sum (excess / z)^2) = T + sqrt(sum excess^2)

That is exact for independent normal parts. For other independent parts it covers where each tail has a
finite variance and the quantile lies in the tail: of heavy tails with shape xi, n parts together exceed
what one exceeds by n^xi, and quadrature allows n^(1/2). It does not cover stalls that are rarer than
1 - q in each part and together are not: `MissBudget.SHARED` is for those.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from joulecut_core.errors import FitError
from joulecut_core.problems import Slo
from joulecut_planner.choices.pricing import margin_factor
from joulecut_planner.tails.peaks import ParetoTail
from joulecut_planner.tails.tail import Tail

_INFINITE_VARIANCE = 0.5
"""The shape of a generalised Pareto distribution from which on quadrature falls short of a sum."""


class MissBudget(str, Enum):
    """At which quantile each tail is asked for its excess."""

    WHOLE = "whole"
    """At the problem's own: for parts that all spread a little at every request."""
    SHARED = "shared"
    """At 1 - (1 - q) / parts: misses of any one part, added up, then stay within 1 - q. For rare stalls; wider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailEstimates:
    """What is known of the tails of a pair; None keeps a standard deviation.

    `edge` and `server`: of measured over predicted seconds of that side's part, without unit; the same
    relative tail is taken for every part and clock of the side. `link`: of measured minus predicted
    seconds of a crossing, in seconds.
    """

    edge: Tail | None = None
    server: Tail | None = None
    link: Tail | None = None
    budget: MissBudget = MissBudget.WHOLE

    def edge_spread(self, slo: Slo) -> float | None:
        """Equivalent spread of the edge's part as a share of its mean; None where a standard deviation stays."""
        return self._spread(self.edge, slo, predicted=1.0)

    def server_spread(self, slo: Slo) -> float | None:
        """Equivalent spread of the server's part as a share of its mean; None where a standard deviation stays."""
        return self._spread(self.server, slo, predicted=1.0)

    def link_spread_s(self, slo: Slo) -> float | None:
        """Equivalent spread of a crossing in seconds; None where a standard deviation stays."""
        return self._spread(self.link, slo, predicted=0.0)

    def _spread(self, tail: Tail | None, slo: Slo, *, predicted: float) -> float | None:
        if tail is None or slo.quantile is None:
            return None
        known = sum(each is not None for each in (self.edge, self.server, self.link))
        quantile = slo.quantile
        if self.budget is MissBudget.SHARED:
            quantile = 1.0 - (1.0 - quantile) / known
        elif known > 1 and isinstance(tail, ParetoTail) and tail.least_shape >= _INFINITE_VARIANCE:
            raise FitError(
                f"a tail of shape {tail.excess.shape:.2f}, beyond doubt above {tail.least_shape:.2f}, has no finite "
                f"variance, so excesses of several parts do not add in quadrature; expected less than "
                f"{_INFINITE_VARIANCE:g}: share the misses (MissBudget.SHARED)"
            )
        return max(0.0, tail.quantile(quantile) - predicted) / margin_factor(slo)
