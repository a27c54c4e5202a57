"""The joint plan as the bandwidth changes, planned and not run, so that nobody thinks the scenario flatters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from joulecut.demo.results import SweepRow
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_planner import PlanningInputs, bandwidth_sweep


def sweep_rows(objective: str, inputs: PlanningInputs, uplinks_bps: Sequence[float]) -> Iterator[SweepRow]:
    """One row for each uplink bandwidth.

    The unsplit plans beside the joint one have their best clocks too: the saving is what the split alone saves.
    """
    last = inputs.edge.last_cut
    for point in bandwidth_sweep(inputs, list(uplinks_bps)):
        joint = point.joint
        feasible = joint.status == OPTIMAL
        yield SweepRow(
            objective=objective,
            bandwidth_bps=point.uplink_bps,
            cut=joint.cut if feasible else None,
            cut_name=joint.cut_name if feasible else None,
            codec=joint.codec if feasible else None,
            edge_clock=joint.edge_clock if feasible else None,
            server_clock=joint.server_clock if feasible else None,
            energy_j=_energy_j(joint),
            all_edge_j=_energy_j(point.all_edge),
            all_server_j=_energy_j(point.all_server),
            verdict=_verdict(joint, last),
        )


def _energy_j(plan: Plan) -> float | None:
    return plan.energy_j if plan.status == OPTIMAL else None


def _verdict(plan: Plan, last: int) -> str:
    if plan.status != OPTIMAL:
        return "infeasible"
    if plan.cut == last:
        return "all-edge"
    return "all-server" if plan.cut == 0 else "split"
