"""Obvious brute forces: every choice on offer, priced one by one with the contract's formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hypothesis import HealthCheck, settings

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import keeps_accuracy
from joulecut_planner.choices.pricing import Choice, Price, price
from joulecut_planner.exact.oracle import choices
from tests.thoroughness import examples

PROPERTY = settings(
    max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
"""How hard each baseline is tried."""


def offered(problem: Problem) -> list[Choice]:
    """Every choice of an allowed cut within the accuracy budget."""
    return [
        choice
        for choice in choices(problem)
        if problem.cuts[choice.cut].allowed and keeps_accuracy(problem, price(problem, choice).accuracy_loss)
    ]


def at_top(problem: Problem, among: Iterable[Choice]) -> list[Choice]:
    """Those at both sides' last points, which are the drawn problems' highest clocks."""
    edge, server = len(problem.edge.points) - 1, len(problem.server.points) - 1
    return [choice for choice in among if choice.edge_point == edge and choice.server_point in (None, server)]


def blind_least(problem: Problem, among: Iterable[Choice], value: Callable[[Price], float]) -> Choice | None:
    """The choice of least `value` whatever it breaks; ties by T_q, then indices."""
    priced = [(choice, price(problem, choice)) for choice in among]
    least = min((value(cost) for _, cost in priced), default=0.0)
    return min(
        ((cost.latency_bound_s, choice) for choice, cost in priced if value(cost) <= least + 1e-9 * abs(least)),
        default=(0.0, None),
    )[1]
