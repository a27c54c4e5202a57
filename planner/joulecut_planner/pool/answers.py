"""From columns, servers and shares to the contract's plan of a pool."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_core.fleets import RejectedEdge
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.pool_plans import PoolEdgePlan, PoolPlan, PoolServerPlan, ServerState
from joulecut_core.pools import Pool, PoolEdge
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import clock_of
from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.fleet.allotment import Claims, allot
from joulecut_planner.fleet.edge_plans import firm_bps, plan_at
from joulecut_planner.fleet.stages import rate_hz_of
from joulecut_planner.pool.columns import Columns, States
from joulecut_planner.pool.edge_offers import Known, Menu
from joulecut_planner.pool.placement import NOBODY, Placed
from joulecut_planner.pool.server_classes import ServerClass


@dataclass(frozen=True, slots=True)
class Served:
    """An edge's plan, and what it is made of: an offer of a problem at a server's operating point."""

    known: Known
    offer: int
    point: int
    plan: PoolEdgePlan


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for the edges that can be served; `former` has the last plan's edges by name."""

    pool: Pool
    classes: Sequence[ServerClass]
    states: States
    edges: Sequence[PoolEdge]
    menus: Sequence[Menu]
    columns: Columns
    placed: Placed
    former: Mapping[str, Served]

    def served(self, solve_s: float) -> list[Served]:
        """The edges' plans, at shares that keep their bounds; those that did not change are the former ones.

        `solve_s`: how long they took to find.
        """
        column, server = self.placed.column, self.placed.server.tolist()
        state = self.columns.state[column]
        groups, points = self.states.group[state].tolist(), self.states.point[state].tolist()
        offers = self.columns.source[column].tolist()
        known = [menu.known(group) for menu, group in zip(self.menus, groups, strict=True)]
        choices = [one.offers.choice(offer, point) for one, offer, point in zip(known, offers, points, strict=True)]
        same = [
            self._same(edge, one, offer, point, at)
            for edge, one, offer, point, at in zip(self.edges, known, offers, points, server, strict=True)
        ]
        shares_bps = self._shares_bps(known, choices, same)
        served = []
        for index, edge in enumerate(self.edges):
            former, share_bps = same[index], float(shares_bps[index])
            if former is not None and former.plan.uplink_bps == share_bps:
                served.append(former)
                continue
            one = known[index]
            plan, uplink_bps = plan_at(
                one.problem, one.shared, choices[index], share_bps, evaluated=one.offers.priced, solve_s=solve_s
            )
            at = None if server[index] == NOBODY else self.pool.servers[server[index]].name
            own = PoolEdgePlan(name=edge.name, server=at, kind=one.kind, plan=plan, uplink_bps=uplink_bps)
            served.append(Served(one, offers[index], points[index], own))
        return served

    def pool_plan(self, served: Sequence[Served], bound_w: float, rejected: tuple[RejectedEdge, ...]) -> PoolPlan:
        """The plan of the pool with its power added up from its edges' and servers' plans."""
        placed: dict[str, list[Served]] = {}
        for one in served:
            if one.plan.server is not None:
                placed.setdefault(one.plan.server, []).append(one)
        return answered(
            servers=server_plans(self.pool, self.classes, placed),
            edges=tuple(one.plan for one in served),
            powers_w=[rate_hz_of(one.known.problem) * (one.plan.plan.energy_j or 0.0) for one in served],
            bound_w=bound_w,
            rejected=rejected,
        )

    def _same(self, edge: PoolEdge, known: Known, offer: int, point: int, server: int) -> Served | None:
        former = self.former.get(edge.name)
        if former is None or former.known is not known or (former.offer, former.point) != (offer, point):
            return None
        name = None if server == NOBODY else self.pool.servers[server].name
        return former if former.plan.server == name else None

    def _shares_bps(self, known: Sequence[Known], choices: Sequence[Choice], same: Sequence[Served | None]) -> Array:
        """Each edge's share of its uplink; 0 where it does not offload."""
        shares_bps = np.zeros(len(choices))
        members: dict[int, list[int]] = {}
        for index, choice in enumerate(choices):
            if choice.server_point is not None:
                members.setdefault(int(self.columns.uplink[index]), []).append(index)
        for uplink, who in members.items():
            column = self.placed.column[who]
            least_bps = self.columns.least_bps[column]
            firm, former = np.empty(len(who)), np.zeros(len(who))
            for place, (index, least) in enumerate(zip(who, least_bps.tolist(), strict=True)):
                firm[place] = firm_bps(known[index].problem, known[index].shared, choices[index], least)
                before = same[index]
                former[place] = 0.0 if before is None else before.plan.uplink_bps
            claims = Claims(self.columns.radio_w_bps[column], least_bps, firm, self.columns.most_bps[column], former)
            carries = self.pool.uplinks[uplink].uplink_bps if uplink < len(self.pool.uplinks) else None
            shares_bps[who] = allot(claims, carries)
        return shares_bps


def server_plans(
    pool: Pool, classes: Sequence[ServerClass], placed: Mapping[str, Sequence[Served]]
) -> tuple[PoolServerPlan, ...]:
    """What each server of a pool does, given the edges placed on it by its name."""
    class_of = {server: one for one in classes for server in one.servers}
    return tuple(
        _server_plan(pool, index, class_of[index], placed.get(server.name, ()))
        for index, server in enumerate(pool.servers)
    )


def answered(
    *,
    servers: tuple[PoolServerPlan, ...],
    edges: tuple[PoolEdgePlan, ...],
    powers_w: Sequence[float],
    bound_w: float | None,
    rejected: tuple[RejectedEdge, ...],
) -> PoolPlan:
    """An optimum in the contract's words; `powers_w` are those of the edges, the bound None where it is the power."""
    power_w = math.fsum([*powers_w, *(one.counted_idle_w for one in servers)])
    lower_bound_w = power_w if bound_w is None else min(float(bound_w) - 2.0 * TOLERANCE * abs(bound_w), power_w)
    return PoolPlan(
        status=OPTIMAL,
        servers=servers,
        edges=edges,
        power_w=power_w,
        lower_bound_w=lower_bound_w,
        gap=(power_w - lower_bound_w) / power_w if power_w > 0.0 else 0.0,
        rejected=rejected,
    )


def infeasible(rejected: tuple[RejectedEdge, ...]) -> PoolPlan:
    """The answer where the edges that are feasible alone cannot be served together."""
    return PoolPlan(
        status=INFEASIBLE, servers=(), edges=(), power_w=None, lower_bound_w=None, gap=None, rejected=rejected
    )


def _server_plan(pool: Pool, index: int, one: ServerClass, served: Sequence[Served]) -> PoolServerPlan:
    server = pool.servers[index]
    point = served[0].point if served else one.empty_point
    if point is None:
        least_w = min((known.idle_w for known in one.points), default=0.0)
        return PoolServerPlan(
            name=server.name,
            state=ServerState.PARKED,
            server_point=None,
            server_clock=None,
            edges=0,
            server_utilisation=0.0,
            power_w=least_w if server.parked_w is None else server.parked_w,
            counted_idle_w=one.empty_w,
        )
    load = math.fsum(_load(edge.known.problem, edge) for edge in served)
    idle_w = one.points[point].idle_w * (1.0 - load)
    return PoolServerPlan(
        name=server.name,
        state=ServerState.SERVING if served else ServerState.IDLE,
        server_point=point,
        server_clock=clock_of(one.points[point]),
        edges=len(served),
        server_utilisation=load,
        power_w=math.fsum([idle_w, *(_busy_w(edge.known.problem, edge) for edge in served)]),
        counted_idle_w=idle_w if server.server_idle_w_counts else 0.0,
    )


def _load(problem: Problem, edge: Served) -> float:
    breakdown = edge.plan.plan.breakdown
    return 0.0 if breakdown is None else rate_hz_of(problem) * (breakdown.t_server + breakdown.decode_s)


def _busy_w(problem: Problem, edge: Served) -> float:
    breakdown = edge.plan.plan.breakdown
    return 0.0 if breakdown is None else rate_hz_of(problem) * (breakdown.server_busy_j + breakdown.decode_j)
