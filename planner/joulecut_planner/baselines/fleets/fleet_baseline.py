"""What every baseline of fleets is: a name, a source, and a rule that picks a choice and a share for every edge."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from joulecut_core.fleets import Fleet
from joulecut_planner.baselines.fleets.outcome import FleetDecision, FleetOutcome, outcome_of
from joulecut_planner.fleet.offers import offers_of


class FleetBaseline(Protocol):
    """A way to plan fleets."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def source(self) -> str:
        """Who proposed it, and where."""
        ...

    def plan(self, fleet: Fleet) -> FleetOutcome:
        """What it picks, priced with the fleet's own tables; `broken` names what that breaks.

        Raises ProblemError where the fleet's numbers overflow, PlanError where what the method needs is not installed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledFleetBaseline:
    """A `FleetBaseline` made of a function, which is given a fleet of edges that could all be served alone."""

    name: str
    source: str
    rule: Callable[[Fleet], FleetDecision | None]

    def plan(self, fleet: Fleet) -> FleetOutcome:
        """The rule's picks for the edges that could be served alone, priced."""
        is_able = [not offers_of(edge.problem, fleet.shared).is_empty for edge in fleet.edges]
        able = tuple(edge for edge, is_served in zip(fleet.edges, is_able, strict=True) if is_served)
        rejected = tuple(edge.name for edge, is_served in zip(fleet.edges, is_able, strict=True) if not is_served)
        if not able:
            return outcome_of(fleet, (), FleetDecision(choices=(), shares_bps=()), rejected=rejected, solve_s=0.0)
        started_s = time.perf_counter()
        decision = self.rule(replace(fleet, edges=able))
        solve_s = time.perf_counter() - started_s
        return outcome_of(fleet, able, decision, rejected=rejected, solve_s=solve_s)
