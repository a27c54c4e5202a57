"""joulecut's own plan of the fleet as one of the table's rows."""

from __future__ import annotations

from joulecut_core.errors import PlanError
from joulecut_core.fleets import Fleet, FleetEdge, FleetEdgePlan, Shared
from joulecut_planner.baselines.fleets.outcome import FleetDecision
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.fleet.edge_plans import priced_at
from joulecut_planner.fleet.planner import solve_fleet


def joint(fleet: Fleet) -> FleetDecision | None:
    """Server point, choices and shares together; None where the edges cannot be served together."""
    plan = solve_fleet(fleet)
    if plan.power_w is None:
        return None
    return FleetDecision(
        choices=tuple(
            _choice(edge, fleet.shared, served) for edge, served in zip(fleet.edges, plan.edges, strict=True)
        ),
        shares_bps=tuple(served.uplink_bps for served in plan.edges),
    )


def _choice(edge: FleetEdge, shared: Shared, served: FleetEdgePlan) -> Choice:
    """The first choice of the plan's names that costs what the plan says: names of wires may repeat."""
    plan, problem = served.plan, edge.problem
    if plan.cut is not None and plan.edge_point is not None:
        for w, wire in enumerate(problem.cuts[plan.cut].wires):
            for v, variant in enumerate(problem.variants):
                choice = Choice(
                    cut=plan.cut, wire=w, variant=v, edge_point=plan.edge_point, server_point=plan.server_point
                )
                if (wire.codec, variant.name) != (plan.codec, plan.variant):
                    continue
                cost = priced_at(problem, shared, choice, served.uplink_bps)
                if (cost.latency_s, cost.energy_j) == (plan.latency_s, plan.energy_j):
                    return choice
    raise PlanError(f"{edge.name}: cut {plan.cut}, codec {plan.codec!r}; expected a choice of its problem at its cost")
