"""From offers and shares to the contract's plan of a fleet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_core.fleets import Fleet, FleetEdge, FleetEdgePlan, FleetPlan, RejectedEdge, Shared
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.fleet.allotment import Claims, allot
from joulecut_planner.fleet.edge_plans import firm_bps, plan_at
from joulecut_planner.fleet.menu import Menu
from joulecut_planner.fleet.offers import Offers
from joulecut_planner.fleet.rounding import Pick
from joulecut_planner.fleet.stages import rate_hz_of


@dataclass(frozen=True, slots=True)
class Served:
    """An edge's plan, and the offer of its problem that the plan is made of."""

    problem: Problem
    offer: int
    plan: FleetEdgePlan


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for the edges that can be served; `former` has the last plan's edges by name."""

    shared: Shared
    edges: Sequence[FleetEdge]
    offers: Sequence[Offers]
    menu: Menu
    pick: Pick
    former: Mapping[str, Served]

    def served(self, solve_s: float) -> list[Served]:
        """The edges' plans, at shares that keep their bounds; those that did not change are the former ones.

        `solve_s`: how long they took to find.
        """
        sources = self.menu.source[self.pick.offer].tolist()
        point = self.menu.server_point
        choices = [one.choice(source, point) for one, source in zip(self.offers, sources, strict=True)]
        shares_bps = self._shares_bps(sources, choices)
        served = []
        rows = zip(self.edges, self.offers, sources, choices, shares_bps.tolist(), strict=True)
        for edge, one, source, choice, share_bps in rows:
            former = self._same(edge, source)
            if former is not None and former.plan.uplink_bps == share_bps:
                served.append(former)
                continue
            plan, uplink_bps = plan_at(
                edge.problem, self.shared, choice, share_bps, evaluated=one.priced, solve_s=solve_s
            )
            served.append(Served(edge.problem, source, FleetEdgePlan(name=edge.name, plan=plan, uplink_bps=uplink_bps)))
        return served

    def fleet_plan(self, served: Sequence[Served], bound_w: float, rejected: tuple[RejectedEdge, ...]) -> FleetPlan:
        """The plan of the fleet with its power added up from the edges' plans."""
        offloads = any(edge.plan.plan.server_point is not None for edge in served)
        powers_w = [rate_hz_of(edge.problem) * (edge.plan.plan.energy_j or 0.0) for edge in served]
        if self.shared.server_idle_w_counts:
            # The menu's idle draw is the server's where it counts.
            powers_w.append(self.menu.idle_w * (1.0 - math.fsum(_load(edge) for edge in served)))
        power_w = math.fsum(powers_w)
        lower_bound_w = min(bound_w - 2.0 * TOLERANCE * abs(bound_w), power_w)
        return FleetPlan(
            status=OPTIMAL,
            server_point=self.menu.server_point if offloads or self.shared.server_idle_w_counts else None,
            edges=tuple(edge.plan for edge in served),
            power_w=power_w,
            lower_bound_w=lower_bound_w,
            gap=(power_w - lower_bound_w) / power_w if power_w > 0.0 else 0.0,
            rejected=rejected,
        )

    def _same(self, edge: FleetEdge, source: int) -> Served | None:
        former = self.former.get(edge.name)
        return former if former and former.problem is edge.problem and former.offer == source else None

    def _shares_bps(self, sources: Sequence[int], choices: Sequence[Choice]) -> Array:
        """Each edge's share of the uplink; 0 where it does not offload."""
        shares_bps = np.zeros(len(choices))
        offloading = [index for index, choice in enumerate(choices) if choice.server_point is not None]
        if not offloading:
            return shares_bps
        offer = self.pick.offer[offloading]
        least_bps = self.menu.least_bps[offer]
        firm, former = np.empty(len(offloading)), np.zeros(len(offloading))
        for place, (index, least) in enumerate(zip(offloading, least_bps.tolist(), strict=True)):
            edge = self.edges[index]
            firm[place] = firm_bps(edge.problem, self.shared, choices[index], least)
            known = self._same(edge, sources[index])
            former[place] = 0.0 if known is None else known.plan.uplink_bps
        claims = Claims(self.menu.radio_w_bps[offer], least_bps, firm, self.menu.most_bps[offer], former)
        shares_bps[offloading] = allot(claims, self.shared.uplink_bps)
        return shares_bps


def counted_idle_w(fleet: Fleet) -> Array:
    """What the idle server adds to the fleet's power at each of its operating points."""
    points = fleet.edges[0].problem.server.points
    counts = fleet.shared.server_idle_w_counts
    return np.array([point.idle_w if counts else 0.0 for point in points], dtype=np.float64)


def unserved(fleet: Fleet, rejected: tuple[RejectedEdge, ...]) -> FleetPlan:
    """The plan of a fleet all of whose edges are rejected: the server idles as cheaply as it can, if that counts."""
    idle_w = counted_idle_w(fleet)
    power_w = float(idle_w.min())
    return FleetPlan(
        status=OPTIMAL,
        server_point=int(idle_w.argmin()) if fleet.shared.server_idle_w_counts else None,
        edges=(),
        power_w=power_w,
        lower_bound_w=power_w,
        gap=0.0,
        rejected=rejected,
    )


def infeasible(rejected: tuple[RejectedEdge, ...]) -> FleetPlan:
    """The answer where the edges that are feasible alone cannot be served together."""
    return FleetPlan(
        status=INFEASIBLE,
        server_point=None,
        edges=(),
        power_w=None,
        lower_bound_w=None,
        gap=None,
        rejected=rejected,
    )


def _load(edge: Served) -> float:
    breakdown = edge.plan.plan.breakdown
    return 0.0 if breakdown is None else rate_hz_of(edge.problem) * (breakdown.t_server + breakdown.decode_s)
