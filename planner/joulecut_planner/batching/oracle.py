"""The exhaustive solver of batching: every schedule, one after the other. Slow and obviously right.

The search is tested against it; nothing else should need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from joulecut_planner.batching.problem import BatchingProblem, BatchTables, ServerClock
from joulecut_planner.batching.runs import Member, Run, at_home, timed
from joulecut_planner.choices.constraints import keeps_accuracy


def least_energy_j(problem: BatchingProblem) -> float:
    """J of the cheapest schedule of all edges, in joules; infinite where none keeps every constraint."""
    points = range(len(problem.server_points))
    shared = problem.server_clock is ServerClock.SHARED
    homes = [at_home(edge.problem) for edge in problem.edges]
    home_j = [np.inf if home is None else home[1].energy_j for home in homes]
    tables = problem.tables()

    def least_j(left: frozenset[int], free_s: float, allowed: range | list[int]) -> float:
        best_j = sum(home_j[edge] for edge in left)
        for count in range(1, len(left) + 1):
            for members in combinations(sorted(left), count):
                for run in _runs(problem, tables, members, allowed):
                    placed = timed(problem, tables, run, free_s)
                    if placed is not None:
                        run_j = sum(cost.energy_j for cost in placed.prices)
                        best_j = min(best_j, run_j + least_j(left - set(members), placed.end_s, allowed))
        return float(best_j)

    everyone = frozenset(range(len(problem.edges)))
    return min(least_j(everyone, 0.0, allowed) for allowed in ([[point] for point in points] if shared else [points]))


def _runs(
    problem: BatchingProblem, tables: tuple[BatchTables, ...], members: tuple[int, ...], points: range | list[int]
) -> Iterator[Run]:
    """Every way to serve these edges as one batch: cut, server point, size, and each member's wire and clock."""
    for cut in range(problem.last_cut):
        offers = [list(_offers(problem, edge, cut)) for edge in members]
        for point in points:
            for size in range(len(tables)):
                for chosen in product(*offers):
                    yield Run(cut=cut, server_point=point, size=size, members=chosen)


def _offers(problem: BatchingProblem, edge: int, cut: int) -> Iterator[Member]:
    own = problem.edges[edge].problem
    for wire, offer in enumerate(own.cuts[cut].wires):
        if own.cuts[cut].allowed and keeps_accuracy(own, own.variants[0].accuracy_loss + offer.accuracy_loss):
            for point in range(len(own.edge.points)):
                yield Member(edge=edge, wire=wire, edge_point=point)
