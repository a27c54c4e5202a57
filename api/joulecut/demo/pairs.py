"""What the demo's pictures need beyond the rows: the joint plan's problem, the exact front, one request in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joulecut.demo.metering import MeteredRun
from joulecut.demo.planned import Configuration, PlannedPolicy
from joulecut.demo.results import FrontStep
from joulecut.demo.scenario import NamedObjective
from joulecut_core.ledgers import RequestLedger
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner import Policy, pareto, solve


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPair:
    """The problem of one objective and its exact plan."""

    objective: str
    problem: Problem
    plan: Plan


def planned_pairs(planned: Sequence[PlannedPolicy]) -> tuple[PlannedPair, ...]:
    """One pair for each objective under which the joint policy planned."""
    return tuple(
        PlannedPair(objective=each.objective.name, problem=each.problem, plan=solve(each.problem))
        for each in planned
        if each.policy is Policy.JOINT
    )


def front_steps(objective: str, pairs: Sequence[PlannedPair]) -> tuple[FrontStep, ...]:
    """The exact front of an objective's problem; empty where the joint policy did not plan."""
    return tuple(
        FrontStep(latency_bound_s=plan.latency_bound_s or 0.0, energy_j=plan.energy_j or 0.0)
        for pair in pairs
        if pair.objective == objective
        for plan in pareto(pair.problem)
    )


def typical_request(
    objective: NamedObjective, planned: Sequence[PlannedPolicy], runs: Mapping[Configuration, MeteredRun]
) -> RequestLedger | None:
    """The joint plan's request of the (lower) median latency: a real one. None where the joint policy did not run."""
    for each in planned:
        if each.objective is objective and each.policy is Policy.JOINT:
            requests = sorted(runs[each.configuration].requests, key=lambda request: request.latency_s)
            return requests[(len(requests) - 1) // 2].ledger
    return None
