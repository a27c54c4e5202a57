"""What planning one scenario gives: the joint plan, what people do instead, and the same varied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from benchmarks.scenarios.cases import Demand, Setting
from benchmarks.scenarios.variations import Variation
from joulecut_planner import Policy


class Verdict(str, Enum):
    """Where the joint plan computes."""

    SPLIT = "split"
    ALL_EDGE = "all-edge"
    ALL_SERVER = "all-server"
    INFEASIBLE = "infeasible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The joint plan against the best plans that do not split, each at its own best clocks.

    `cut` and `energy_j` are None where nothing keeps the SLO, `all_edge_j` and `all_server_j` where
    that side alone does not. Joules are in the objective's weights.
    """

    cut: int | None
    last_cut: int
    codec: str | None
    energy_j: float | None
    all_edge_j: float | None
    all_server_j: float | None

    @property
    def verdict(self) -> Verdict:
        """Where the joint plan computes."""
        if self.cut is None:
            return Verdict.INFEASIBLE
        if self.cut == self.last_cut:
            return Verdict.ALL_EDGE
        return Verdict.ALL_SERVER if self.cut == 0 else Verdict.SPLIT

    @property
    def unsplit_j(self) -> float | None:
        """The better of the two unsplit plans; None where neither keeps the SLO."""
        return min((each for each in (self.all_edge_j, self.all_server_j) if each is not None), default=None)

    @property
    def saving(self) -> float | None:
        """Share of the best unsplit plan's energy that splitting saves; None where there is nothing to compare."""
        return saving(self.energy_j, self.unsplit_j)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One scenario. `policies`: joules of each policy's choice by the fitted model, None where it breaks the SLO.

    `cpu-dvfs` chooses with its own model; what it chose is priced like all others here.
    """

    setting: Setting
    demand: Demand
    contest: Contest
    policies: Mapping[Policy, float | None]
    sensitivity: Mapping[Variation, Contest]

    @property
    def verdict(self) -> Verdict:
        """Where the joint plan computes."""
        return self.contest.verdict

    def saving_against(self, policy: Policy) -> float | None:
        """Share of a policy's energy that the joint plan saves; None where either breaks the SLO."""
        return saving(self.contest.energy_j, self.policies[policy])


def saving(energy_j: float | None, instead_of_j: float | None) -> float | None:
    """The share of `instead_of_j` that is saved; None where either is."""
    if energy_j is None or instead_of_j is None:
        return None
    return 1.0 - energy_j / instead_of_j
