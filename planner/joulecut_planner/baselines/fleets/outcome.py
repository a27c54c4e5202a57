"""What a baseline picked for a fleet, at the fleet's own prices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from joulecut_core.fleets import Fleet, FleetEdge, FleetEdgePlan
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_planner.choices.answers import plan_for, priced_plan
from joulecut_planner.choices.constraints import ACCURACY, LATENCY, RATE, limit
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.fleet.answers import counted_idle_w
from joulecut_planner.fleet.edge_plans import priced_at
from joulecut_planner.fleet.stages import rate_hz_of

UPLINK = "uplink"
UTILISATION = "utilisation"
UNSERVED = "unserved"
"""What only a fleet's plan can break: the shared uplink, the server's time; and an edge without a choice."""

BREAKS = (LATENCY, RATE, ACCURACY, UPLINK, UTILISATION, UNSERVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDecision:
    """What a rule picked for each edge, in the fleet's order, all who offload at one server point.

    A choice is None where nothing is on offer to the rule. `shares_bps` are bits per second of the uplink, 0
    where an edge does not offload.
    """

    choices: tuple[Choice | None, ...]
    shares_bps: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOutcome:
    """A baseline's plan of a fleet, in watts, bits per second and seconds.

    `broken` names what it breaks, in the order of `BREAKS`; empty where it is a feasible plan of the fleet.
    `power_w` is None where an edge has no choice. `load` is the share of the server's time that is used.
    `rejected`: names of the edges that could not be served even alone.
    """

    server_point: int | None
    edges: tuple[FleetEdgePlan, ...]
    power_w: float | None
    uplink_bps: float
    load: float
    broken: tuple[str, ...]
    rejected: tuple[str, ...]
    solve_s: float


def outcome_of(
    fleet: Fleet,
    edges: Sequence[FleetEdge],
    decision: FleetDecision | None,
    *,
    rejected: tuple[str, ...],
    solve_s: float,
) -> FleetOutcome:
    """The plan of `edges`, those of `fleet` that could be served alone; None as a decision: nobody is served.

    Raises ProblemError where the fleet's numbers overflow.
    """
    if decision is None:
        return FleetOutcome(
            server_point=None,
            edges=(),
            power_w=None,
            uplink_bps=0.0,
            load=0.0,
            broken=(UNSERVED,),
            rejected=rejected,
            solve_s=solve_s,
        )
    shared, plans, points = fleet.shared, [], set[int]()
    broken: set[str] = set()
    for edge, choice, share_bps in zip(edges, decision.choices, decision.shares_bps, strict=True):
        plans.append(FleetEdgePlan(name=edge.name, plan=_plan(fleet, edge, choice, share_bps), uplink_bps=share_bps))
        if choice is None:
            broken.add(UNSERVED)
        elif plans[-1].plan.status != OPTIMAL:
            broken.update(plans[-1].plan.binding)
        if choice is not None and choice.server_point is not None:
            points.add(choice.server_point)
    loads = [_load(edge, served.plan) for edge, served in zip(edges, plans, strict=True)]
    uplink_bps, load = math.fsum(decision.shares_bps), math.fsum(loads)
    if shared.uplink_bps is not None and uplink_bps > limit(shared.uplink_bps):
        broken.add(UPLINK)
    if load > limit(shared.server_utilisation):
        broken.add(UTILISATION)
    server_point = _server_point(fleet, points)
    powers_w = [
        rate_hz_of(edge.problem) * (served.plan.energy_j or 0.0) for edge, served in zip(edges, plans, strict=True)
    ]
    if server_point is not None and shared.server_idle_w_counts:
        powers_w.append(float(counted_idle_w(fleet)[server_point]) * (1.0 - load))
    return FleetOutcome(
        server_point=server_point,
        edges=tuple(plans),
        power_w=None if UNSERVED in broken else math.fsum(powers_w),
        uplink_bps=uplink_bps,
        load=load,
        broken=tuple(name for name in BREAKS if name in broken),
        rejected=rejected,
        solve_s=solve_s,
    )


def _plan(fleet: Fleet, edge: FleetEdge, choice: Choice | None, share_bps: float) -> Plan:
    if choice is None:
        return plan_for(edge.problem, None, evaluated=0, solve_s=0.0)
    cost = priced_at(edge.problem, fleet.shared, choice, share_bps)
    return priced_plan(edge.problem, choice, cost, evaluated=1, solve_s=0.0)


def _server_point(fleet: Fleet, points: set[int]) -> int | None:
    """The one point that offloading edges use; without them the cheapest to idle at, where that counts."""
    if points:
        (point,) = points
        return point
    return int(counted_idle_w(fleet).argmin()) if fleet.shared.server_idle_w_counts else None


def _load(edge: FleetEdge, plan: Plan) -> float:
    stages = plan.breakdown
    return 0.0 if stages is None else rate_hz_of(edge.problem) * (stages.t_server + stages.decode_s)
