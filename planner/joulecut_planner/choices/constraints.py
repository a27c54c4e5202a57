"""What a choice has to keep, with the tolerances of the planning contract."""

from __future__ import annotations

from joulecut_core.problems import Problem
from joulecut_planner.choices.pricing import Price

TOLERANCE = 1e-9
"""Relative: bounds may be passed by this much, and energies this close are equal."""

_BINDING_SHARE = 0.99
"""A constraint binds within one per cent of its bound."""

LATENCY = "latency"
RATE = "rate"
ACCURACY = "accuracy"


def limit(bound: float) -> float:
    """The largest value that still keeps `bound`."""
    return bound * (1.0 + TOLERANCE)


def keeps_accuracy(problem: Problem, accuracy_loss: float) -> bool:
    """Whether a loss of variant and wire together stays in the budget."""
    return accuracy_loss <= limit(problem.max_accuracy_loss)


def violated(problem: Problem, price: Price) -> tuple[str, ...]:
    """The constraints that a choice breaks, in the contract's order; empty where it is feasible."""
    slo = problem.slo
    broken = (
        (LATENCY, slo.latency_s is not None and price.latency_bound_s > limit(slo.latency_s)),
        (RATE, slo.rate_hz is not None and price.slowest_stage_s > limit(1.0 / slo.rate_hz)),
        (ACCURACY, not keeps_accuracy(problem, price.accuracy_loss)),
    )
    return tuple(name for name, is_broken in broken if is_broken)


def binding(problem: Problem, price: Price) -> tuple[str, ...]:
    """The constraints that a feasible choice comes within one per cent of, in the contract's order.

    A loss of 0 under a budget of 0 meets its bound, so it binds.
    """
    slo = problem.slo
    close = (
        (LATENCY, slo.latency_s is not None and price.latency_bound_s >= _BINDING_SHARE * slo.latency_s),
        (RATE, slo.rate_hz is not None and price.slowest_stage_s >= _BINDING_SHARE / slo.rate_hz),
        (ACCURACY, price.accuracy_loss >= _BINDING_SHARE * problem.max_accuracy_loss),
    )
    return tuple(name for name, is_close in close if is_close)
