"""A problem's tables as arrays, made once for tables that stay the same while link and service level change.

Problems are immutable, so arrays are cached by the identity of the tuples they were made from:
replanning on a new bandwidth converts nothing. All arrays are float64 unless said, and read-only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from joulecut_core.identity import Same
from joulecut_core.problems import EdgePoint, Problem, ProblemCut, ServerPoint, SideTables, Table, Variant

Array: TypeAlias = "NDArray[np.float64]"
Indices: TypeAlias = "NDArray[np.int64]"

_T = TypeVar("_T", bound=np.generic)

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
    most_time_s: Array
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
    more_than_waiting_j: Array
    """Of the shape of `edge`: joules of computing beyond those of waiting as long."""

    @property
    def choices(self) -> int:
        """How many choices there are, forbidden ones included."""
        variants = len(self.edge.time_s) // self.cuts
        return variants * len(self.wait_w) * (1 + len(self.wires.cut) * len(self.idle_w))


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
        more_than_waiting_j=_more_than_waiting_j(Same(problem.variants), Same(problem.edge.points)),
    )


def more_than_idling_j(problem: Problem, grids: Grids) -> Array:
    """Of the shape of `grids.server`: weighted joules of computing beyond those of the weighted idling as long."""
    objective = problem.objective
    idle_weight = objective.server_weight * objective.server_idle_share
    if idle_weight == 0.0 and objective.server_weight == 1.0:
        return grids.server.busy_j
    return _more_than_idling_j(
        Same(problem.variants), Same(problem.server.points), objective.server_weight, idle_weight
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
    shape = len(tables[0].time_s), len(tables[0].time_s[0])
    time_s = _stacked([table.time_s for table in tables], shape)
    busy_w = _stacked([table.busy_w for table in tables], shape)
    std_s = _stacked([table.time_std_s for table in tables], shape)
    with np.errstate(over="ignore"):
        busy_j = read_only(time_s * busy_w)
    return SideGrid(
        time_s=time_s,
        busy_w=busy_w,
        std_s=std_s,
        busy_j=busy_j,
        least_time_s=read_only(time_s.min(axis=1)),
        most_time_s=read_only(time_s.max(axis=1)),
        least_std_s=read_only(std_s.min(axis=1)),
    )


def _stacked(tables: list[Table | None], shape: tuple[int, int]) -> Array:
    """Tables of one shape, one below the other; zeros where there is none."""
    cuts, points = shape
    array = np.zeros((len(tables) * cuts, points))
    # Packing tuples of floats is several times faster than giving them to numpy one by one.
    row = Struct(f"={points}d")
    for index, table in enumerate(tables):
        if table is not None:
            packed = b"".join([row.pack(*values) for values in table])
            array[index * cuts : (index + 1) * cuts] = np.frombuffer(packed).reshape(shape)
    return read_only(array)


@lru_cache(maxsize=_KEPT)
def _more_than_waiting_j(variants: Same[tuple[Variant, ...]], points: Same[tuple[EdgePoint, ...]]) -> Array:
    edge = _sides(variants).edge
    with np.errstate(over="ignore", invalid="ignore"):
        return read_only(edge.busy_j - _waits(points) * edge.time_s)


@lru_cache(maxsize=_KEPT)
def _more_than_idling_j(
    variants: Same[tuple[Variant, ...]], points: Same[tuple[ServerPoint, ...]], weight: float, idle_weight: float
) -> Array:
    server = _sides(variants).server
    with np.errstate(over="ignore", invalid="ignore"):
        return read_only(weight * server.busy_j - (idle_weight * _idles(points)) * server.time_s)


@lru_cache(maxsize=_KEPT)
def _waits(key: Same[tuple[EdgePoint, ...]]) -> Array:
    return _column([point.wait_w for point in key.value])


@lru_cache(maxsize=_KEPT)
def _idles(key: Same[tuple[ServerPoint, ...]]) -> Array:
    return _column([point.idle_w for point in key.value])


@lru_cache(maxsize=_KEPT)
def _wires(key: Same[tuple[ProblemCut, ...]]) -> WireGrid:
    cuts = key.value[:-1]
    wires = [wire for cut in cuts for wire in cut.wires]
    held = np.array([len(cut.wires) for cut in cuts])
    return WireGrid(
        cut=read_only(np.repeat(np.arange(len(cuts)), held)),
        wire=read_only(np.arange(len(wires)) - np.repeat(np.cumsum(held) - held, held)),
        allowed=read_only(np.repeat(np.array([cut.allowed for cut in cuts], dtype=np.bool_), held)),
        uplink_bytes=_column([wire.uplink_bytes for wire in wires]),
        downlink_bytes=_column([wire.downlink_bytes for wire in wires]),
        accuracy_loss=_column([wire.accuracy_loss for wire in wires]),
        encode_s=_column([wire.encode_s for wire in wires]),
        encode_w=_column([wire.encode_w for wire in wires]),
        decode_s=_column([wire.decode_s for wire in wires]),
        decode_w=_column([wire.decode_w for wire in wires]),
    )


def _column(values: list[float]) -> Array:
    return read_only(np.frombuffer(Struct(f"={len(values)}d").pack(*values)))


def read_only(array: NDArray[_T]) -> NDArray[_T]:
    """The array itself, which nobody can write any more."""
    array.flags.writeable = False
    return array
