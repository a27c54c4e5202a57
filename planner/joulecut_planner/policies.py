"""The joint plan and what people do instead, on one footing: same measurements, same service level, same formulas.

Every policy keeps the service level where its own choices allow it; where they do not, it takes the
nearest of them and says "infeasible". Only `cpu-dvfs` is priced by a model of its own, fitted to the
profiles; the baseline of that name (`joulecut_planner.baselines`) is fitted to a problem's tables and
priced by them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from joulecut_core.argument_types import expect_member
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.baselines import BASELINES
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.drift import Corrections, corrected
from joulecut_planner.exact.solver import solve
from joulecut_planner.governors import governed_plan
from joulecut_planner.side_models import ModelKind
from joulecut_planner.tables import PlanningInputs, build_problem
from joulecut_planner.tails import TailEstimates


class Policy(str, Enum):
    """Ways to decide where and at which clocks a network runs."""

    ALL_EDGE = "all-edge"
    """Everything on the edge at its top clocks."""
    ALL_SERVER = "all-server"
    """The input is sent, by the best wire there is for it; both sides at their top clocks."""
    LATENCY_CUT = "latency-cut"
    """The cut and wire of least mean latency at top clocks (after Kang et al., Neurosurgeon, ASPLOS
    2017, which is blind to the service level)."""
    ENERGY_CUT = "energy-cut"
    """The cut and wire of least energy at top clocks: partitioning alone."""
    EDGE_CLOCK = "edge-clock"
    """Everything on the edge at its best clocks: DVFS alone."""
    GOVERNOR = "governor"
    """Everything on the edge under the board's own governor, as shipped."""
    CPU_DVFS = "cpu-dvfs"
    """The joint choice, made and priced with the CPU-DVFS model k/f and kappa f^3."""
    JOINT = "joint"
    """Cut, wire and both clocks together: joulecut's plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlan:
    """What a policy chose. `problem`: what it was chosen from."""

    policy: Policy
    plan: Plan
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedChoice:
    """A policy's choice at what the whole problem says that it costs, waiting and static power included.

    `promised`: the same choice at what the policy's own model says, None where it has none.
    """

    problem: Problem
    plan: Plan
    promised: Plan | None = None


def plan_policy(
    policy: Policy,
    inputs: PlanningInputs,
    *,
    tails: TailEstimates | None = None,
    corrections: Corrections | None = None,
) -> PolicyPlan:
    """The plan of one policy.

    `tails`: what takes the place of standard deviations (`build_problem`). `corrections`: by what live requests
    found the tables' seconds off; what was measured under the board's governor is taken as it is. Raises
    ProfileError where `governor` is asked for and the edge's profile has no governed measurements, FitError where
    the profiles cannot carry a model or the tails not the quantile, TypeError for what is no Policy.
    """
    expect_member("policy", policy, Policy)
    model = ModelKind.CPU_DVFS if policy is Policy.CPU_DVFS else ModelKind.DVFS_AWARE
    problem = _problem(inputs, model, tails, corrections)
    plan = governed_plan(problem, inputs.edge) if policy is Policy.GOVERNOR else plan_choices(policy, problem)
    return PolicyPlan(policy=policy, plan=plan, problem=problem)


def priced_choice(
    made: PolicyPlan,
    inputs: PlanningInputs,
    *,
    tails: TailEstimates | None = None,
    corrections: Corrections | None = None,
) -> PricedChoice:
    """What `plan_policy` made of the same arguments, priced as every other policy's choice is.

    Raises ProfileError or FitError where the profiles cannot carry the model.
    """
    if made.policy is not Policy.CPU_DVFS:
        return PricedChoice(problem=made.problem, plan=made.plan)
    problem = _problem(inputs, ModelKind.DVFS_AWARE, tails, corrections)
    plan = made.plan
    if plan.cut is not None:
        choice = choice_of(made.problem, plan)
        plan = plan_for(problem, choice, evaluated=plan.evaluated, solve_s=plan.solve_s)
    return PricedChoice(problem=problem, plan=plan, promised=made.plan)


def _problem(
    inputs: PlanningInputs, model: ModelKind, tails: TailEstimates | None, corrections: Corrections | None
) -> Problem:
    problem = build_problem(inputs, model=model, tails=tails)
    return problem if corrections is None else corrected(problem, corrections)


def plan_choices(policy: Policy, problem: Problem) -> Plan:
    """The plan of one policy among a problem's own choices.

    Raises ValueError for `governor`, which chooses none of a problem's operating points.
    """
    if policy is Policy.GOVERNOR:
        raise ValueError("governor picks no operating point; expected a policy that does: use plan_policy")
    if policy in (Policy.JOINT, Policy.CPU_DVFS):
        return solve(problem)
    return BASELINES[policy.value].plan(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """Plans at one uplink bandwidth: joint, and the two that do not split, each at its own best clocks."""

    uplink_bps: float
    joint: Plan
    all_edge: Plan
    all_server: Plan


def bandwidth_sweep(inputs: PlanningInputs, uplinks_bps: list[float]) -> list[SweepPoint]:
    """What a split is worth at each uplink bandwidth; the downlink keeps its ratio to the uplink."""
    points = []
    for uplink_bps in uplinks_bps:
        downlink_bps = uplink_bps * inputs.link.downlink_bps / inputs.link.uplink_bps
        link = replace(inputs.link, uplink_bps=uplink_bps, downlink_bps=downlink_bps)
        problem = build_problem(replace(inputs, link=link))
        points.append(
            SweepPoint(
                uplink_bps=uplink_bps,
                joint=plan_choices(Policy.JOINT, problem),
                all_edge=plan_choices(Policy.JOINT, _only_cut(problem, len(problem.cuts) - 1)),
                all_server=plan_choices(Policy.JOINT, _only_cut(problem, 0)),
            )
        )
    return points


def _only_cut(problem: Problem, cut: int) -> Problem:
    cuts = tuple(replace(each, allowed=each.allowed and index == cut) for index, each in enumerate(problem.cuts))
    return replace(problem, cuts=cuts)
