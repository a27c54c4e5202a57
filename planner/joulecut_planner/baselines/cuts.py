"""Partitioning alone, with the service level kept: the best cut, wire and variant at both sides' top clocks.

These are joulecut's forms of Neurosurgeon's two goals. Unlike the published ones
(`joulecut_planner.baselines.neurosurgeon`) they look at deadline and rate first, and `energy-cut`
minimises the problem's weighted energy instead of the mobile device's.
"""

from __future__ import annotations

from joulecut_core.problems import Problem
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.baselines.candidates import top_clocks


def latency_cut(problem: Problem) -> Decision:
    """The least mean latency among what keeps the service level at top clocks."""
    offered = top_clocks(problem)
    return offered.best_kept(offered.latency_s)


def energy_cut(problem: Problem) -> Decision:
    """The least energy, in the problem's weights, among what keeps the service level at top clocks."""
    offered = top_clocks(problem)
    return offered.best_kept(offered.energy_j)
