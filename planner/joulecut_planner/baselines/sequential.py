"""Partitioning and clocks decided one after the other: how the two are combined where nobody solves them together.

Source: no paper; the two decoupled compositions of a partitioner with a DVFS tuner. Each step is the
best there is for what it may decide: what is lost against the joint plan is lost to the order alone.
"""

from __future__ import annotations

from joulecut_core.problems import Problem
from joulecut_planner.baselines import ends, neurosurgeon
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.baselines.candidates import candidates, top_point


def partition_then_clocks(problem: Problem) -> Decision:
    """Neurosurgeon's latency cut, then the cheapest pair of clocks at which that cut keeps the service level."""
    first = neurosurgeon.least_latency(problem)
    if first.choice is None:
        return first
    offered = candidates(
        problem,
        edge_points=range(len(problem.edge.points)),
        server_points=range(len(problem.server.points)),
        cuts=(first.choice.cut,),
    ).in_group_of(first.choice)
    second = offered.best_kept(offered.energy_j)
    return Decision(choice=second.choice, evaluated=first.evaluated + second.evaluated)


def clocks_then_partition(problem: Problem) -> Decision:
    """Each side tuned for running the whole network alone, then the cheapest cut that keeps the service level.

    A side that may not run the whole network stays at its top clocks.
    """
    edge, server = ends.edge_clock(problem), ends.server_clock(problem)
    edge_point = top_point(problem.edge.points) if edge.choice is None else edge.choice.edge_point
    tuned = None if server.choice is None else server.choice.server_point
    server_point = top_point(problem.server.points) if tuned is None else tuned
    offered = candidates(problem, edge_points=(edge_point,), server_points=(server_point,))
    last = offered.best_kept(offered.energy_j)
    return Decision(choice=last.choice, evaluated=edge.evaluated + server.evaluated + last.evaluated)
