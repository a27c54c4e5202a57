"""The contract's pick among choices that are given one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import TOLERANCE, keeps_accuracy, violated
from joulecut_planner.choices.pricing import Choice, Price, price


def energy_of(cost: Price) -> float:
    """J: what a plan minimises unless told otherwise."""
    return cost.energy_j


def pick(
    problem: Problem, candidates: Iterable[Choice], *, least: Callable[[Price], float] = energy_of
) -> tuple[Choice | None, int]:
    """The best of `candidates` and how many were priced; None where all are forbidden or too inaccurate.

    Feasible: the least J (or of `least`); within tolerance of it the lowest T_q; then the lowest
    indices. Where none is feasible: the lowest T_q, then J, then indices.
    """
    priced = [
        (choice, cost)
        for choice in candidates
        if problem.cuts[choice.cut].allowed and keeps_accuracy(problem, (cost := price(problem, choice)).accuracy_loss)
    ]
    # NaN, of numbers that overflow, is above and below nothing: it would win by its place in the list.
    feasible = [(choice, cost) for choice, cost in priced if not (math.isnan(least(cost)) or violated(problem, cost))]
    if feasible:
        optimum = min(least(cost) for _, cost in feasible)
        ceiling = optimum + TOLERANCE * abs(optimum)
        ties = [(cost.latency_bound_s, choice) for choice, cost in feasible if least(cost) <= ceiling]
        return min(ties)[1], len(priced)
    if priced:
        return min((cost.latency_bound_s, cost.energy_j, choice) for choice, cost in priced)[2], len(priced)
    return None, 0
