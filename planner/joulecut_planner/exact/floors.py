"""The least T_q, and the least J, that groups of choices can reach: lower bounds that hold to the last bit.

Every term of the formulas is replaced by the least that it can be, within the formulas themselves.
Rounding keeps order (a <= b gives fl(a + c) <= fl(b + c)), so a floor is never above what it bounds,
not even by rounding, and equals it where all terms are the same: that settles ties without pricing them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import Array, Grids, Indices
from joulecut_planner.choices.groups import Groups
from joulecut_planner.choices.pricing import (
    Crossing,
    Part,
    Values,
    latency_bound_s,
    latency_s,
    margin_factor,
    period_s,
    weighted_j,
)


@dataclass(frozen=True, slots=True)
class PointFloors:
    """The least T_q of each edge point and of each server point of some groups, in seconds; shape (groups, points)."""

    edge_s: Array
    server_s: Array

    def fastest(self) -> tuple[Indices, Indices]:
        """For each group the points of the least floors: its fastest pair where times do not spread."""
        return self.edge_s.argmin(axis=1), self.server_s.argmin(axis=1)


def group_floors_s(problem: Problem, grids: Grids, groups: Groups) -> Array:
    """The least T_q of each group, in seconds; shape (groups,). Reached where times do not spread."""
    edge, server, row = grids.edge, grids.server, groups.row
    return _bound_s(
        problem,
        Part(time_s=edge.least_time_s[row], std_s=edge.least_std_s[row]),
        Part(time_s=server.least_time_s[row], std_s=server.least_std_s[row]),
        groups.crossing,
    )


def point_floors_s(problem: Problem, grids: Grids, groups: Groups) -> PointFloors:
    """What each point of a group can reach with the best point of the other side."""
    edge, server, row, crossing = grids.edge, grids.server, groups.row, groups.crossing_columns()
    least_edge = Part(time_s=edge.least_time_s[row, None], std_s=edge.least_std_s[row, None])
    least_server = Part(time_s=server.least_time_s[row, None], std_s=server.least_std_s[row, None])
    return PointFloors(
        _bound_s(problem, Part(time_s=edge.time_s[row], std_s=edge.std_s[row]), least_server, crossing),
        _bound_s(problem, least_edge, Part(time_s=server.time_s[row], std_s=server.std_s[row]), crossing),
    )


def group_floors_j(problem: Problem, grids: Grids, groups: Groups) -> Array:
    """The least J of each group, in joules; shape (groups,). Loose unless the points are alike."""
    edge, server, row, crossing = grids.edge, grids.server, groups.row, groups.crossing
    objective, wait_w, idle_w = problem.objective, grids.wait_w, grids.idle_w
    fastest = Part(time_s=edge.least_time_s[row]), Part(time_s=server.least_time_s[row])
    horizon_s = period_s(problem.slo, latency_s(*fastest, crossing))
    edge_j = (
        wait_w.min() * horizon_s
        + ((edge.busy_w[row] - wait_w) * edge.time_s[row]).min(axis=1)
        + crossing.encode_w * crossing.encode_s
        + crossing.uplink_w * crossing.t_up
        + crossing.downlink_w * crossing.t_down
    )
    idling_s = horizon_s - server.most_time_s[row] - crossing.decode_s
    idling_j = np.minimum(
        objective.server_idle_share * idle_w.min() * idling_s, objective.server_idle_share * idle_w.max() * idling_s
    )
    server_j = server.busy_j[row].min(axis=1) + crossing.decode_w * crossing.decode_s + idling_j
    return np.asarray(weighted_j(objective, edge_j, server_j))


def _bound_s(problem: Problem, edge: Part, server: Part, crossing: Crossing) -> Array:
    mean_s: Values = latency_s(edge, server, crossing)
    return np.asarray(latency_bound_s(mean_s, margin_factor(problem.slo), edge, server, crossing))
