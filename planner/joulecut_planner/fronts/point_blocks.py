"""Operating points in blocks of similar speed, with the least of everything that a block's points cost.

The points of one part are put in the order of its time there and cut into blocks of 27, 9, 3 and 1
neighbours. What the formulas of `joulecut_planner.choices.pricing` say of a block's least time, draw and
spread is no more than what they say of any point in it: each of their operations is monotone, in
floating point too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from joulecut_core.identity import Same
from joulecut_planner.choices.grids import Array, Grids, Indices, SideGrid, read_only

_T = TypeVar("_T", bound=np.generic)

_KEPT = 8
"""Sides kept: those of a handful of problems under planning at once, a megabyte or two each."""

FAN_OUT = 3
"""A block has this many of the next level's blocks in it."""

WIDTHS = (27, 9, 3)
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
    """The blocks of every row of `grids`, kept from one front to the next of the same tables."""
    edge_order, edge = _edge_blocks(Same(grids.edge), Same(grids.wait_w))
    server_order, server = _server_blocks(Same(grids.server), Same(grids.idle_w))
    return PointBlocks(edge_order, server_order, edge, server)


@lru_cache(maxsize=_KEPT)
def _edge_blocks(edge: Same[SideGrid], wait_w: Same[Array]) -> tuple[Indices, tuple[EdgeBlocks, ...]]:
    side, order = edge.value, edge.value.time_s.argsort(axis=1, kind="stable")
    with np.errstate(over="ignore", invalid="ignore"):
        above_waiting_j = (side.busy_w - wait_w.value) * side.time_s
    tables = (
        *(_levels(table, order) for table in (side.time_s, side.std_s)),
        _levels(np.broadcast_to(wait_w.value, order.shape), order),
        _levels(above_waiting_j, order),
        _reduced(order),
    )
    return read_only(order), tuple(EdgeBlocks(*level) for level in zip(*tables, strict=True))


@lru_cache(maxsize=_KEPT)
def _server_blocks(server: Same[SideGrid], idle_w: Same[Array]) -> tuple[Indices, tuple[ServerBlocks, ...]]:
    side, order = server.value, server.value.time_s.argsort(axis=1, kind="stable")
    idle = np.broadcast_to(idle_w.value, order.shape)
    tables = (
        _levels(side.time_s, order),
        _levels(side.time_s, order, np.maximum),
        *(_levels(table, order) for table in (side.std_s, side.busy_j, idle)),
        _levels(idle, order, np.maximum),
        _reduced(order),
    )
    return read_only(order), tuple(ServerBlocks(*level) for level in zip(*tables, strict=True))


def _levels(table: Array, order: Indices, reduction: np.ufunc = np.minimum) -> list[Array]:
    """The least (or the most) of every block of a table's points, coarsest level first."""
    return _reduced(np.take_along_axis(table, order, axis=1), reduction)


def _reduced(ordered: NDArray[_T], reduction: np.ufunc = np.minimum) -> list[NDArray[_T]]:
    levels: list[NDArray[_T]] = []
    for _ in WIDTHS:
        # Blocks are reduced from the blocks of the level below.
        starts = np.arange(0, ordered.shape[1], FAN_OUT)
        ordered = read_only(reduction.reduceat(ordered, starts, axis=1))
        levels.insert(0, ordered)
    return levels
