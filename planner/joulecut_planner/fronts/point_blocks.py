"""Operating points in blocks of similar speed, with the least of everything that a block's points cost.

The points of one part are put in the order of its time there and cut into blocks of 64, 16, 4 and 1
neighbours. What the formulas of `joulecut_planner.choices.pricing` say of a block's least time, draw and
spread is no more than what they say of any point in it: each of their operations is monotone, in
floating point too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_planner.choices.grids import Array, Grids, Indices

FAN_OUT = 4
"""A block has this many of the next level's blocks in it."""

WIDTHS = (64, 16, 4)
"""Points in a block, from the coarsest level down; points themselves are below the last."""


@dataclass(frozen=True, slots=True)
class EdgeBlocks:
    """One level of the edge's blocks; arrays of shape (rows of the grid, blocks)."""

    time_s: Array
    std_s: Array
    wait_w: Array
    above_waiting_j: Array
    """Least (busy_w - wait_w) * time_s."""
    first_point: Indices
    """Lowest index of a point."""


@dataclass(frozen=True, slots=True)
class ServerBlocks:
    """One level of the server's blocks; arrays of shape (rows of the grid, blocks)."""

    time_s: Array
    longest_s: Array
    std_s: Array
    busy_j: Array
    idle_w: Array
    most_idle_w: Array
    first_point: Indices


@dataclass(frozen=True, slots=True)
class PointBlocks:
    """Both sides' points by rising time, of shape (rows, points), and their blocks, coarsest level first."""

    edge_order: Indices
    server_order: Indices
    edge: tuple[EdgeBlocks, ...]
    server: tuple[ServerBlocks, ...]


def point_blocks(grids: Grids) -> PointBlocks:
    """The blocks of every row of `grids`."""
    edge_order = grids.edge.time_s.argsort(axis=1, kind="stable")
    server_order = grids.server.time_s.argsort(axis=1, kind="stable")
    above_waiting_j = (grids.edge.busy_w - grids.wait_w) * grids.edge.time_s
    edge = tuple(
        EdgeBlocks(
            time_s=_least(grids.edge.time_s, edge_order, width),
            std_s=_least(grids.edge.std_s, edge_order, width),
            wait_w=_reduced(grids.wait_w[edge_order], width),
            above_waiting_j=_least(above_waiting_j, edge_order, width),
            first_point=np.minimum.reduceat(edge_order, _starts(edge_order, width), axis=1),
        )
        for width in WIDTHS
    )
    server = tuple(
        ServerBlocks(
            time_s=_least(grids.server.time_s, server_order, width),
            longest_s=-_least(-grids.server.time_s, server_order, width),
            std_s=_least(grids.server.std_s, server_order, width),
            busy_j=_least(grids.server.busy_w * grids.server.time_s, server_order, width),
            idle_w=_reduced(grids.idle_w[server_order], width),
            most_idle_w=-_reduced(-grids.idle_w[server_order], width),
            first_point=np.minimum.reduceat(server_order, _starts(server_order, width), axis=1),
        )
        for width in WIDTHS
    )
    return PointBlocks(edge_order, server_order, edge, server)


def _least(table: Array, order: Indices, width: int) -> Array:
    return _reduced(np.take_along_axis(table, order, axis=1), width)


def _reduced(ordered: Array, width: int) -> Array:
    least: Array = np.minimum.reduceat(ordered, _starts(ordered, width), axis=1)
    return least


def _starts(ordered: Array | Indices, width: int) -> Indices:
    return np.arange(0, ordered.shape[1], width)
