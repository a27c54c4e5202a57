"""The joint plan as the bandwidth changes, planned and not run, so that nobody thinks the scenario flatters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from joulecut.demo.results import SweepRow
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_planner.policies import Policy, plan_choices


def sweep_rows(objective: str, problem: Problem, uplinks_bps: Sequence[float]) -> Iterator[SweepRow]:
    """One row for each uplink bandwidth; the downlink keeps its ratio to the uplink.

    The unsplit plans beside the joint one have their best clocks too: what a split alone saves.
    """
    last = len(problem.cuts) - 1
    for uplink_bps in uplinks_bps:
        downlink_bps = uplink_bps * problem.link.downlink_bps / problem.link.uplink_bps
        link = replace(problem.link, uplink_bps=uplink_bps, downlink_bps=downlink_bps)
        moved = replace(problem, link=link)
        joint = plan_choices(Policy.JOINT, moved)
        yield SweepRow(
            objective=objective,
            bandwidth_bps=uplink_bps,
            cut=joint.cut if joint.status == OPTIMAL else None,
            cut_name=joint.cut_name,
            codec=joint.codec,
            edge_clock=joint.edge_clock,
            server_clock=joint.server_clock,
            energy_j=_energy_j(joint),
            all_edge_j=_energy_j(plan_choices(Policy.JOINT, _only(moved, last))),
            all_server_j=_energy_j(plan_choices(Policy.JOINT, _only(moved, 0))),
            verdict=_verdict(joint, last),
        )


def _only(problem: Problem, cut: int) -> Problem:
    cuts = tuple(replace(each, allowed=each.allowed and index == cut) for index, each in enumerate(problem.cuts))
    return replace(problem, cuts=cuts)


def _energy_j(plan: Plan) -> float | None:
    return plan.energy_j if plan.status == OPTIMAL else None


def _verdict(plan: Plan, last: int) -> str:
    if plan.status != OPTIMAL:
        return "infeasible"
    if plan.cut == last:
        return "all-edge"
    return "all-server" if plan.cut == 0 else "split"
