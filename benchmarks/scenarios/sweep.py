"""Plans every scenario of a grid: tables are made once per setting, service levels and objectives exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.scenarios.cases import Demand, Grid, Setting
from benchmarks.scenarios.outcomes import Contest, Outcome
from benchmarks.scenarios.profiles import ProfileSource
from benchmarks.scenarios.variations import SENSITIVITY, Variation, offer
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_core.profiles import Profile
from joulecut_core.wires import WireTable
from joulecut_planner import ModelKind, PlanningInputs, Policy, build_problem, solve
from joulecut_planner.choices.constraints import violated
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.governors import governed_plan
from joulecut_planner.policies import plan_choices

CHOOSING: tuple[Policy, ...] = tuple(policy for policy in Policy if policy not in (Policy.GOVERNOR, Policy.CPU_DVFS))
"""Policies that choose among the problem's own points by the fitted model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posed:
    """The problems of one setting."""

    setting: Setting
    edge: Profile
    varied: dict[Variation, Problem]
    cpu_dvfs: Problem


def sweep(
    grid: Grid, profiles: ProfileSource, wires: WireTable, *, max_accuracy_loss: float, envelope_bytes: int
) -> Iterator[Outcome]:
    """The outcome of each scenario, setting by setting.

    Raises ProfileError where profiles and wires are not of one network.
    """
    for setting in grid.settings:
        inputs = PlanningInputs(
            edge=profiles(setting.board, "edge"),
            server=profiles(setting.server, "server"),
            wires=wires,
            link=setting.link,
            max_accuracy_loss=max_accuracy_loss,
            envelope_bytes=envelope_bytes,
        )
        posed = _pose(setting, inputs)
        for demand in grid.demands:
            yield _outcome(posed, demand)


def _pose(setting: Setting, inputs: PlanningInputs) -> _Posed:
    varied = {}
    for variation in Variation:
        offered = offer(variation, inputs.wires, inputs.max_accuracy_loss)
        varied[variation] = replace(inputs, wires=offered.wires, max_accuracy_loss=offered.max_accuracy_loss)
    return _Posed(
        setting=setting,
        edge=inputs.edge,
        varied={variation: build_problem(each) for variation, each in varied.items()},
        cpu_dvfs=build_problem(varied[Variation.AS_OFFERED], model=ModelKind.CPU_DVFS),
    )


def _outcome(posed: _Posed, demand: Demand) -> Outcome:
    usual = Variation.AS_OFFERED
    problem = _under(posed.varied[usual], demand, usual)
    policies: dict[Policy, float | None] = {policy: _energy_j(plan_choices(policy, problem)) for policy in CHOOSING}
    policies[Policy.GOVERNOR] = _energy_j(governed_plan(problem, posed.edge))
    policies[Policy.CPU_DVFS] = _repriced_j(problem, solve(_under(posed.cpu_dvfs, demand, usual)))
    return Outcome(
        setting=posed.setting,
        demand=demand,
        contest=_contest(problem),
        policies=policies,
        sensitivity={each: _contest(_under(posed.varied[each], demand, each)) for each in SENSITIVITY},
    )


def _under(problem: Problem, demand: Demand, variation: Variation) -> Problem:
    return replace(problem, slo=demand.slo(variation.margin), objective=demand.goal.objective)


def _contest(problem: Problem) -> Contest:
    joint = solve(problem)
    feasible = joint.status == OPTIMAL
    only_server = tuple(replace(cut, allowed=cut.allowed and index == 0) for index, cut in enumerate(problem.cuts))
    return Contest(
        cut=joint.cut if feasible else None,
        last_cut=len(problem.cuts) - 1,
        codec=joint.codec if feasible else None,
        energy_j=_energy_j(joint),
        all_edge_j=_energy_j(plan_choices(Policy.EDGE_CLOCK, problem)),
        all_server_j=_energy_j(solve(replace(problem, cuts=only_server))),
    )


def _energy_j(plan: Plan) -> float | None:
    return plan.energy_j if plan.status == OPTIMAL else None


def _repriced_j(problem: Problem, plan: Plan) -> float | None:
    """What another model's choice costs in `problem`; None where it keeps no SLO there, or not even in its own."""
    if plan.status != OPTIMAL or plan.cut is None or plan.edge_point is None:
        return None
    wires = [wire.codec for wire in problem.cuts[plan.cut].wires]
    choice = Choice(
        cut=plan.cut,
        wire=wires.index(plan.codec or ""),
        variant=0,
        edge_point=plan.edge_point,
        server_point=plan.server_point,
    )
    cost = price(problem, choice)
    return None if violated(problem, cost) else cost.energy_j
