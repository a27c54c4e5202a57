"""From a priced choice to the contract's plan."""

from __future__ import annotations

import math

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ProblemError
from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan, PowerScopes
from joulecut_core.problems import EdgePoint, Problem, ServerPoint
from joulecut_planner.choices.constraints import ACCURACY, binding, violated
from joulecut_planner.choices.pricing import Choice, Price, price


def plan_for(problem: Problem, choice: Choice | None, *, evaluated: int, solve_s: float) -> Plan:
    """The plan that `choice` is; "infeasible" where it breaks a constraint or there is none.

    `solve_s` is in seconds. Raises ProblemError where the problem's numbers overflow.
    """
    if choice is None:
        return _no_plan(evaluated, solve_s)
    return priced_plan(problem, choice, price(problem, choice), evaluated=evaluated, solve_s=solve_s)


def priced_plan(problem: Problem, choice: Choice, cost: Price, *, evaluated: int, solve_s: float) -> Plan:
    """The plan that a choice is which costs `cost`, as `plan_for` gives it."""
    check_finite(choice, cost)
    broken = violated(problem, cost)
    return plan_of(
        problem,
        choice,
        cost,
        status=INFEASIBLE if broken else OPTIMAL,
        binding=broken or binding(problem, cost),
        evaluated=evaluated,
        solve_s=solve_s,
    )


def check_finite(choice: Choice, cost: Price) -> None:
    """Raise ProblemError where a choice's cost overflowed."""
    if not (math.isfinite(cost.latency_bound_s) and math.isfinite(cost.energy_j)):
        raise ProblemError(
            f"cuts[{choice.cut}]: {cost.latency_bound_s} s and {cost.energy_j} J; "
            "expected times and energies that stay finite: check the units of times, watts and bandwidths"
        )


def plan_of(
    problem: Problem,
    choice: Choice,
    cost: Price,
    *,
    status: str,
    binding: tuple[str, ...],
    evaluated: int,
    solve_s: float,
) -> Plan:
    """A choice and what it costs in the words of the contract; `solve_s` is in seconds."""
    offloaded = choice.server_point is not None
    return Plan(
        status=status,
        cut=choice.cut,
        cut_name=problem.cuts[choice.cut].name,
        codec=problem.cuts[choice.cut].wires[choice.wire].codec,
        variant=problem.variants[choice.variant].name,
        edge_point=choice.edge_point,
        server_point=choice.server_point,
        edge_clock=clock_of(problem.edge.points[choice.edge_point]),
        server_clock=clock_of(problem.server.points[choice.server_point or 0]) if offloaded else None,
        latency_s=cost.latency_s,
        latency_bound_s=cost.latency_bound_s,
        energy_j=cost.energy_j,
        edge_energy_j=cost.edge_energy_j,
        server_energy_j=cost.server_energy_j,
        breakdown=cost.breakdown,
        power_scopes=PowerScopes(edge=problem.edge.power_scope, server=problem.server.power_scope),
        binding=binding,
        evaluated=evaluated,
        solve_s=solve_s,
    )


def clock_of(point: EdgePoint | ServerPoint) -> OperatingPoint:
    """The pair of clocks behind an entry of a problem."""
    return OperatingPoint(core_mhz=point.core_mhz, memory_mhz=point.memory_mhz)


def _no_plan(evaluated: int, solve_s: float) -> Plan:
    return Plan(
        status=INFEASIBLE,
        cut=None,
        cut_name=None,
        codec=None,
        variant=None,
        edge_point=None,
        server_point=None,
        edge_clock=None,
        server_clock=None,
        latency_s=None,
        latency_bound_s=None,
        energy_j=None,
        edge_energy_j=None,
        server_energy_j=None,
        breakdown=None,
        power_scopes=PowerScopes(edge=None, server=None),
        binding=(ACCURACY,),
        evaluated=evaluated,
        solve_s=solve_s,
    )
