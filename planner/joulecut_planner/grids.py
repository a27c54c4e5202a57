"""A problem's tables as arrays, made once for tables that stay the same while link and service level change.

Problems are immutable, so arrays are cached by the identity of the tuples they were made from:
replanning on a new bandwidth converts nothing. All arrays are float64 unless said, and read-only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import EdgePoint, Problem, ProblemCut, ServerPoint, SideTables, Variant
from joulecut_planner.identity import Same

Array: TypeAlias = "NDArray[np.float64]"
Indices: TypeAlias = "NDArray[np.int64]"

_KEPT = 16
"""Sets of arrays kept: a handful of problems under planning at once, some megabytes each."""


@dataclass(frozen=True, slots=True)
class SideGrid:
    """One side's parts, each of shape (variants x cuts, points): row v * cuts + c is cut c of variant v."""

    time_s: Array
    busy_w: Array
    std_s: Array
    busy_j: Array
    """time_s * busy_w."""
    least_time_s: Array
    """Shape (rows,): the least time of each row."""
    least_std_s: Array


@dataclass(frozen=True, slots=True)
class WireGrid:
    """All wires of all cuts but the last, flat, in the contract's order; each array of shape (wires,)."""

    cut: Indices
    wire: Indices
    allowed: NDArray[np.bool_]
    uplink_bytes: Array
    downlink_bytes: Array
    accuracy_loss: Array
    encode_s: Array
    encode_w: Array
    decode_s: Array
    decode_w: Array


@dataclass(frozen=True, slots=True)
class Grids:
    """The arrays behind one problem. `wait_w` and `idle_w` are of shape (points,)."""

    cuts: int
    edge: SideGrid
    server: SideGrid
    wait_w: Array
    idle_w: Array
    wires: WireGrid


def grids_of(problem: Problem) -> Grids:
    """The arrays of `problem`; cheap where its tables were seen before."""
    sides = _sides(Same(problem.variants))
    return Grids(
        cuts=len(problem.cuts),
        edge=sides.edge,
        server=sides.server,
        wait_w=_waits(Same(problem.edge.points)),
        idle_w=_idles(Same(problem.server.points)),
        wires=_wires(Same(problem.cuts)),
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    edge: SideGrid
    server: SideGrid


@lru_cache(maxsize=_KEPT)
def _sides(key: Same[tuple[Variant, ...]]) -> _Sides:
    variants = key.value
    return _Sides(
        edge=_side([variant.edge for variant in variants]),
        server=_side([variant.server for variant in variants]),
    )


def _side(tables: list[SideTables]) -> SideGrid:
    time_s = read_only(np.concatenate([np.array(table.time_s, dtype=np.float64) for table in tables]))
    busy_w = read_only(np.concatenate([np.array(table.busy_w, dtype=np.float64) for table in tables]))
    spreads = [
        np.zeros((len(table.time_s), len(table.time_s[0])))
        if table.time_std_s is None
        else np.array(table.time_std_s, dtype=np.float64)
        for table in tables
    ]
    std_s = read_only(np.concatenate(spreads))
    with np.errstate(over="ignore"):
        busy_j = read_only(time_s * busy_w)
    return SideGrid(
        time_s=time_s,
        busy_w=busy_w,
        std_s=std_s,
        busy_j=busy_j,
        least_time_s=read_only(time_s.min(axis=1)),
        least_std_s=read_only(std_s.min(axis=1)),
    )


@lru_cache(maxsize=_KEPT)
def _waits(key: Same[tuple[EdgePoint, ...]]) -> Array:
    return read_only(np.array([point.wait_w for point in key.value], dtype=np.float64))


@lru_cache(maxsize=_KEPT)
def _idles(key: Same[tuple[ServerPoint, ...]]) -> Array:
    return read_only(np.array([point.idle_w for point in key.value], dtype=np.float64))


@lru_cache(maxsize=_KEPT)
def _wires(key: Same[tuple[ProblemCut, ...]]) -> WireGrid:
    cuts = key.value
    rows = [(c, w, cut.allowed, wire) for c, cut in enumerate(cuts[:-1]) for w, wire in enumerate(cut.wires)]
    wires = [wire for _, _, _, wire in rows]
    return WireGrid(
        cut=np.array([c for c, _, _, _ in rows], dtype=np.int64),
        wire=np.array([w for _, w, _, _ in rows], dtype=np.int64),
        allowed=np.array([allowed for _, _, allowed, _ in rows], dtype=np.bool_),
        uplink_bytes=_column([wire.uplink_bytes for wire in wires]),
        downlink_bytes=_column([wire.downlink_bytes for wire in wires]),
        accuracy_loss=_column([wire.accuracy_loss for wire in wires]),
        encode_s=_column([wire.encode_s for wire in wires]),
        encode_w=_column([wire.encode_w for wire in wires]),
        decode_s=_column([wire.decode_s for wire in wires]),
        decode_w=_column([wire.decode_w for wire in wires]),
    )


def _column(values: list[float]) -> Array:
    return read_only(np.array(values, dtype=np.float64))


def read_only(array: Array) -> Array:
    """The array itself, which nobody can write any more."""
    array.flags.writeable = False
    return array
