"""Everything on one side: at top clocks as shipped, or with that side's clock tuned and nothing else.

These keep the service level where their own choices allow it. The side that only waits stays at its
top clocks: tuning it would take knowing about the other side.
"""

from __future__ import annotations

from joulecut_core.problems import Problem
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.baselines.candidates import candidates, top_clocks, top_point


def all_edge(problem: Problem) -> Decision:
    """The whole network on the edge at its top clocks."""
    at_home = top_clocks(problem, cuts=(len(problem.cuts) - 1,))
    return at_home.best_kept(at_home.energy_j)


def all_server(problem: Problem) -> Decision:
    """The input is sent by the wire that costs least; both sides at their top clocks."""
    sent = top_clocks(problem, cuts=(0,))
    return sent.best_kept(sent.energy_j)


def edge_clock(problem: Problem) -> Decision:
    """The whole network on the edge at its cheapest clock: DVFS alone."""
    points = range(len(problem.edge.points))
    at_home = candidates(problem, edge_points=points, server_points=(), cuts=(len(problem.cuts) - 1,))
    return at_home.best_kept(at_home.energy_j)


def server_clock(problem: Problem) -> Decision:
    """The input is sent and the server runs all of it at its cheapest clock; the edge waits at its top clock."""
    points = range(len(problem.server.points))
    sent = candidates(problem, edge_points=(top_point(problem.edge.points),), server_points=points, cuts=(0,))
    return sent.best_kept(sent.energy_j)
