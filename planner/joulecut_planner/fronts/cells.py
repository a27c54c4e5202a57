"""Cells of choices: a group (cut, wire, variant) and a block of points of either side, bounded from below together.

A search starts with whole groups, drops the cells whose corner cannot matter, and splits the rest, down
to single choices. What cannot matter is for the search to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.choices.groups import Groups
from joulecut_planner.choices.pricing import (
    Crossing,
    Part,
    latency_bound_s,
    latency_s,
    margin_factor,
    period_s,
    weighted_j,
)
from joulecut_planner.fronts.point_blocks import FAN_OUT, WIDTHS, PointBlocks

_FANS = np.arange(FAN_OUT)


@dataclass(frozen=True, slots=True)
class Cells:
    """Some cells of one level of blocks; indices of shape (cells,)."""

    level: int
    group: Indices
    edge_block: Indices
    server_block: Indices

    def only(self, kept: NDArray[np.bool_] | Indices) -> Cells:
        """Some of the cells."""
        return Cells(self.level, self.group[kept], self.edge_block[kept], self.server_block[kept])


@dataclass(frozen=True, slots=True)
class Members:
    """Choices of groups; indices of shape (choices,)."""

    group: Indices
    edge_point: Indices
    server_point: Indices

    def __len__(self) -> int:
        return len(self.group)

    def only(self, kept: NDArray[np.bool_] | Indices) -> Members:
        """Some of the choices."""
        return Members(self.group[kept], self.edge_point[kept], self.server_point[kept])


@dataclass(frozen=True, slots=True)
class Corners:
    """For each of some cells no more than J and T_q of any choice in it, and the lowest points in it."""

    energy_j: Array
    bound_s: Array
    first_edge_point: Indices
    first_server_point: Indices


class CellTree:
    """The cells of one problem's groups. With `keep_rate` what misses the rate counts as infinitely slow."""

    def __init__(self, problem: Problem, groups: Groups, blocks: PointBlocks, *, keep_rate: bool = True) -> None:
        self._problem = problem
        self._keep_rate = keep_rate
        self._groups = groups
        self._blocks = blocks

    def roots(self) -> Cells:
        """All groups, each in cells of the coarsest blocks."""
        edge_blocks = self._blocks.edge[0].time_s.shape[1]
        server_blocks = self._blocks.server[0].time_s.shape[1]
        shape = (len(self._groups), edge_blocks, server_blocks)
        group, edge_block, server_block = (index.ravel() for index in np.indices(shape))
        return Cells(0, group, edge_block, server_block)

    def has_finer(self, cells: Cells) -> bool:
        """Whether the cells can be split into cells; else they hold few enough choices to be listed."""
        return cells.level + 1 < len(WIDTHS)

    def children(self, cells: Cells) -> Cells:
        """The cells of the next level in `cells`."""
        level = cells.level + 1
        return Cells(
            level,
            *_split(
                cells,
                self._blocks.edge[level].time_s.shape[1],
                self._blocks.server[level].time_s.shape[1],
            ),
        )

    def members(self, cells: Cells) -> Members:
        """Every choice in cells of the finest level."""
        edge_order, server_order = self._blocks.edge_order, self._blocks.server_order
        group, edge, server = _split(cells, edge_order.shape[1], server_order.shape[1])
        row = self._groups.row[group]
        return Members(group, edge_order[row, edge], server_order[row, server])

    def samples(self, cells: Cells) -> Members:
        """One choice of each cell: the fastest of either side."""
        row, width = self._groups.row[cells.group], WIDTHS[cells.level]
        return Members(
            cells.group,
            self._blocks.edge_order[row, cells.edge_block * width],
            self._blocks.server_order[row, cells.server_block * width],
        )

    def corners(self, cells: Cells, crossing: Crossing) -> Corners:
        """The corners of cells whose groups are crossed like `crossing`, of shape (cells,)."""
        objective, slo = self._problem.objective, self._problem.slo
        edge, server = self._blocks.edge[cells.level], self._blocks.server[cells.level]
        at_edge = (self._groups.row[cells.group], cells.edge_block)
        at_server = (at_edge[0], cells.server_block)
        edge_part = Part(time_s=edge.time_s[at_edge], std_s=edge.std_s[at_edge])
        server_part = Part(time_s=server.time_s[at_server], std_s=server.std_s[at_server])
        mean_s = latency_s(edge_part, server_part, crossing)
        bound_s = np.asarray(latency_bound_s(mean_s, margin_factor(slo), edge_part, server_part, crossing))
        horizon_s = period_s(slo, mean_s)
        # The terms of `joulecut_planner.choices.pricing` in their order, each at its least.
        edge_j = (
            edge.wait_w[at_edge] * horizon_s
            + edge.above_waiting_j[at_edge]
            + crossing.encode_w * crossing.encode_s
            + crossing.uplink_w * crossing.t_up
            + crossing.downlink_w * crossing.t_down
        )
        server_j = server.busy_j[at_server] + crossing.decode_w * crossing.decode_s
        if objective.server_idle_share > 0.0:
            idle_s = horizon_s - server.longest_s[at_server] - crossing.decode_s
            share = objective.server_idle_share
            server_j = server_j + np.minimum(
                share * server.idle_w[at_server] * idle_s, share * server.most_idle_w[at_server] * idle_s
            )
        energy_j = np.asarray(weighted_j(objective, edge_j, server_j))
        if self._keep_rate and slo.rate_hz is not None:
            longest_s = limit(1.0 / slo.rate_hz)
            late = edge_part.time_s + crossing.encode_s > longest_s
            late = late | (server_part.time_s + crossing.decode_s > longest_s)
            bound_s = np.where(late, np.inf, bound_s)
        return Corners(energy_j, bound_s, edge.first_point[at_edge], server.first_point[at_server])


def _split(cells: Cells, edge_blocks: int, server_blocks: int) -> Iterator[Indices]:
    edge = cells.edge_block[:, None, None] * FAN_OUT + _FANS[:, None]
    server = cells.server_block[:, None, None] * FAN_OUT + _FANS
    exists = (edge < edge_blocks) & (server < server_blocks)
    for index in (cells.group[:, None, None], edge, server):
        yield np.broadcast_to(index, exists.shape)[exists]
