"""Counts and spreads over outcomes: what the summary states."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.scenarios.outcomes import Contest, Outcome, Verdict
from joulecut_planner import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Savings of some scenarios, as shares; NaN where there are none."""

    count: int
    median: float
    p90: float
    largest: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        """The spread of those that are known."""
        known = np.array([value for value in values if value is not None])
        if not known.size:
            return cls(count=0, median=math.nan, p90=math.nan, largest=math.nan)
        return cls(
            count=known.size,
            median=float(np.median(known)),
            p90=float(np.quantile(known, 0.9)),
            largest=float(known.max()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Where the joint plans of some scenarios compute, and what splitting saves where they split.

    `savings`: of the splits that have an unsplit rival; `only_split` counts those that have none.
    """

    scenarios: int
    verdicts: Counter[Verdict]
    only_split: int
    savings: tuple[float, ...]

    @classmethod
    def of(cls, contests: Sequence[Contest]) -> Tally:
        """The tally of some scenarios."""
        splits = [contest for contest in contests if contest.verdict is Verdict.SPLIT]
        return cls(
            scenarios=len(contests),
            verdicts=Counter(contest.verdict for contest in contests),
            only_split=sum(contest.unsplit_j is None for contest in splits),
            savings=tuple(saving for contest in splits if (saving := contest.saving) is not None),
        )

    @property
    def saving(self) -> Spread:
        """What splitting saves where there is something to compare it with."""
        return Spread.of(self.savings)

    def saving_at_least(self, share: float) -> int:
        """How many splits save at least this share."""
        return sum(saving >= share for saving in self.savings)

    def share(self, verdict: Verdict) -> float:
        """The share of scenarios with this verdict."""
        return self.verdicts[verdict] / self.scenarios if self.scenarios else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGap:
    """The joint plan against one policy. `broken`: share of scenarios in which the policy alone misses the SLO.

    `worse`: scenarios in which the policy costs less than the joint plan by more than rounding.
    """

    policy: Policy
    saving: Spread
    broken: float
    worse: int

    @classmethod
    def of(cls, policy: Policy, outcomes: Sequence[Outcome]) -> PolicyGap:
        """The gap over the scenarios in which the joint plan keeps the SLO."""
        feasible = [outcome for outcome in outcomes if outcome.verdict is not Verdict.INFEASIBLE]
        savings = [outcome.saving_against(policy) for outcome in feasible]
        return cls(
            policy=policy,
            saving=Spread.of(savings),
            broken=savings.count(None) / len(savings) if savings else math.nan,
            worse=sum(saving is not None and saving < -1e-9 for saving in savings),
        )


def rank(value: float, among: Iterable[float | None]) -> tuple[int, int]:
    """The place of a saving among others, the largest first, and how many there are, itself included."""
    others = [other for other in among if other is not None]
    return 1 + sum(other > value + 1e-12 for other in others), max(len(others), 1)
