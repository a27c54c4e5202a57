"""The exhaustive solver: prices every choice, one after the other. Slow and obviously right.

The fast solver is tested against it; nothing else should need it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.choices.selection import pick


def choices(problem: Problem) -> Iterator[Choice]:
    """Every choice of a problem, forbidden cuts included, in the contract's order of indices."""
    last = len(problem.cuts) - 1
    for c, cut in enumerate(problem.cuts):
        servers: tuple[int | None, ...] = (None,) if c == last else tuple(range(len(problem.server.points)))
        for w in range(len(cut.wires)):
            for v in range(len(problem.variants)):
                for i in range(len(problem.edge.points)):
                    for j in servers:
                        yield Choice(cut=c, wire=w, variant=v, edge_point=i, server_point=j)


def solve_exhaustively(problem: Problem) -> Plan:
    """The contract's plan, by pricing every allowed choice."""
    started_s = time.perf_counter()
    choice, evaluated = pick(problem, choices(problem))
    return plan_for(problem, choice, evaluated=evaluated, solve_s=time.perf_counter() - started_s)
