"""Which choices may be the answer at some uplink between two, found without looking at the others.

With x = 1 / uplink_bps every choice's J and T_q are linear in x and never fall with it, and what keeps
deadline and rate at one x keeps them at every smaller one (the downlink fixed, or in a fixed ratio). So
over a span of uplinks a choice is out of the question

- if it is too late at the fastest uplink of the span, or
- if the plan of the slowest one, which is feasible all along, is better at both ends: cheaper by more
  than a tie, or no dearer and faster.

Where nothing is feasible all along the nearest choice is sought: T_q alone counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import TOLERANCE, limit
from joulecut_planner.choices.grids import Array, Grids, grids_of
from joulecut_planner.choices.groups import Groups, groups_of
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Crossing, Price, price
from joulecut_planner.choices.variations import Downlink, with_uplink
from joulecut_planner.fronts.cells import CellTree, Members
from joulecut_planner.fronts.point_blocks import PointBlocks, point_blocks
from joulecut_planner.uplinks.contenders import Contenders, edge_only, offloaded

_CAREFUL = 1.0 + 1e-12
"""Seconds are compared more loosely than choices are, so that rounding drops none."""

LARGEST_RATIO = 4.0
"""Between uplinks further apart too much may change for a span to leave few contenders."""

_SIFTED = 4.0
"""Choices that are priced for each that may be left: of more than these too many would be."""


class UplinkSpans:
    """The spans of one problem's uplinks."""

    def __init__(self, problem: Problem, downlink: Downlink) -> None:
        self._problem = problem
        self.downlink = downlink
        self._grids: Grids = grids_of(problem)
        self._blocks: PointBlocks = point_blocks(self._grids)
        self._at_home = edge_only(problem, self._grids)

    def at(self, uplink_bps: float) -> Problem:
        """The problem at another uplink."""
        return with_uplink(self._problem, uplink_bps, self.downlink)

    def offloading(self) -> UplinkSpans:
        """Those of the problem with the cut forbidden that offloads nothing."""
        *cuts, last = self._problem.cuts
        return UplinkSpans(replace(self._problem, cuts=(*cuts, replace(last, allowed=False))), self.downlink)

    def contenders(self, fast: Problem, slow: Problem, slow_plan: Plan, *, most: float = np.inf) -> Contenders | None:
        """Whatever may be the answer from the uplink of `fast` down to that of `slow`, by rising rank.

        `slow_plan` is the answer to `slow`. Where it is infeasible, the answer to `fast` has to be too.
        None where more than `most` are left: the span should be split, in half of which few are as a rule.
        """
        rule = _Rule.of(fast, slow, slow_plan, self._grids)
        groups = groups_of(fast, self._grids, keep_rate=rule.keeps_slo)
        found = self._at_home
        if len(groups):
            members = self._members(rule, fast, slow, groups, most)
            if members is None:
                return None
            found = found.joined(offloaded(fast, self._grids, groups, members))
        fast_costs, slow_costs = found.costs(fast), found.costs(slow)
        kept = ~rule.beats(fast_costs.energy_j, fast_costs.bound_s, slow_costs.energy_j, slow_costs.bound_s)
        if rule.keeps_slo:
            # What overflows is no number at the fastest uplink already, and nobody's plan.
            kept &= fast_costs.feasible & np.isfinite(fast_costs.energy_j)
        found = found.only(kept)
        return found if len(found) <= most else None

    def _members(self, rule: _Rule, fast: Problem, slow: Problem, groups: Groups, most: float) -> Members | None:
        tree = CellTree(fast, groups, self._blocks, keep_rate=rule.keeps_slo)
        cells = tree.roots()
        while True:
            crossing = groups.crossing_of(cells.group)
            at_fast = tree.corners(cells, crossing)
            at_slow = tree.corners(cells, _slower(crossing, fast, slow))
            cells = cells.only(~rule.beats(at_fast.energy_j, at_fast.bound_s, at_slow.energy_j, at_slow.bound_s))
            if not tree.has_finer(cells):
                members = tree.members(cells)
                return members if len(members) <= _SIFTED * most else None
            cells = tree.children(cells)


@dataclass(frozen=True, slots=True)
class _Rule:
    """When the answer at the slow end, at `fast` and `slow` cost, settles that something is no answer in between."""

    keeps_slo: bool
    fast: Price
    slow: Price
    latest_s: float
    rounding_j: float

    @classmethod
    def of(cls, fast: Problem, slow: Problem, slow_plan: Plan, grids: Grids) -> _Rule:
        choice = choice_of(slow, slow_plan)
        slow_cost = price(slow, choice)
        keeps_slo, slo, objective = slow_plan.status == OPTIMAL, slow.slo, slow.objective
        horizon_s = slow_cost.latency_s if slo.rate_hz is None else 1.0 / slo.rate_hz
        # Waiting all the time is the large term that may cancel against waiting saved while computing.
        waiting_w = objective.edge_weight * float(grids.wait_w.max())
        idling_w = objective.server_weight * objective.server_idle_share * float(grids.idle_w.max())
        return cls(
            keeps_slo,
            price(fast, choice),
            slow_cost,
            latest_s=limit(slo.latency_s) if keeps_slo and slo.latency_s is not None else np.inf,
            rounding_j=1e-12 * (waiting_w + idling_w) * horizon_s,
        )

    def beats(self, fast_j: Array, fast_s: Array, slow_j: Array, slow_s: Array) -> NDArray[np.bool_]:
        """Whether choices of at least these joules and seconds at either end are out of the question."""
        slower = (self.fast.latency_bound_s * _CAREFUL < fast_s) & (self.slow.latency_bound_s * _CAREFUL < slow_s)
        if not self.keeps_slo:
            return slower
        no_cheaper = (self.fast.energy_j <= fast_j) & (self.slow.energy_j <= slow_j)
        dearer = (self._at_most_a_tie(self.fast) < fast_j) & (self._at_most_a_tie(self.slow) < slow_j)
        return dearer | (no_cheaper & slower) | (fast_s > self.latest_s)

    def _at_most_a_tie(self, cost: Price) -> float:
        return cost.energy_j + 3.0 * TOLERANCE * abs(cost.energy_j) + self.rounding_j


def _slower(crossing: Crossing, fast: Problem, slow: Problem) -> Crossing:
    return replace(
        crossing,
        t_up=crossing.t_up * (fast.link.uplink_bps / slow.link.uplink_bps),
        t_down=crossing.t_down * (fast.link.downlink_bps / slow.link.downlink_bps),
    )
