"""A problem's tables as arrays, made once for tables that stay the same while link and service level change.

Problems are immutable, so arrays are cached by the identity of the tuples they were made from:
replanning on a new bandwidth converts nothing. All arrays are float64 unless said, and read-only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from struct import Struct
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from joulecut_core.identity import Same
from joulecut_core.packed_tables import packed_tables
from joulecut_core.problems import EdgePoint, Problem, ProblemCut, ServerPoint, SideTables, Variant

Array: TypeAlias = "NDArray[np.float64]"
Indices: TypeAlias = "NDArray[np.int64]"

_WIRE_NUMBERS = ("uplink_bytes", "downlink_bytes", "accuracy_loss", "encode_s", "encode_w", "decode_s", "decode_w")

_T = TypeVar("_T", bound=np.generic)

_KEPT = 16
"""Sets of arrays kept: a handful of problems under planning at once, some megabytes each."""


@dataclass(frozen=True, slots=True)
class SideGrid:
    """One side's parts, each of shape (variants x cuts, points): row v * cuts + c is cut c of variant v."""

    tables: Array
    """Shape (3, rows, points): time_s, std_s and busy_w, one behind the other."""
    busy_j: Array
    """time_s * busy_w."""
    least_time_s: Array
    """Shape (rows,): the least time of each row."""
    most_time_s: Array
    least_std_s: Array

    @property
    def time_s(self) -> Array:
        """Mean seconds."""
        table: Array = self.tables[0]
        return table

    @property
    def std_s(self) -> Array:
        """How far they spread, in seconds."""
        table: Array = self.tables[1]
        return table

    @property
    def busy_w(self) -> Array:
        """Watts meanwhile."""
        table: Array = self.tables[2]
        return table


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


def _side(sides: list[SideTables]) -> SideGrid:
    shape = 3, len(sides[0].time_s), len(sides[0].time_s[0])
    packed = [np.frombuffer(packed_tables(side)).reshape(shape) for side in sides]
    tables = packed[0] if len(packed) == 1 else read_only(np.concatenate(packed, axis=1))
    time_s, std_s, busy_w = tables
    with np.errstate(over="ignore"):
        busy_j = read_only(time_s * busy_w)
    return SideGrid(
        tables=tables,
        busy_j=busy_j,
        least_time_s=read_only(time_s.min(axis=1)),
        most_time_s=read_only(time_s.max(axis=1)),
        least_std_s=read_only(std_s.min(axis=1)),
    )


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
    numbers, row = attrgetter(*_WIRE_NUMBERS), Struct(f"={len(_WIRE_NUMBERS)}d")
    packed = b"".join([row.pack(*numbers(wire)) for wire in wires])
    columns = read_only(np.frombuffer(packed).reshape(-1, len(_WIRE_NUMBERS)).T.copy())
    return WireGrid(
        cut=read_only(np.arange(len(cuts)).repeat(held)),
        wire=read_only(np.arange(len(wires)) - (held.cumsum() - held).repeat(held)),
        allowed=read_only(np.array([cut.allowed for cut in cuts], dtype=np.bool_).repeat(held)),
        **dict(zip(_WIRE_NUMBERS, columns, strict=True)),
    )


def _column(values: list[float]) -> Array:
    return read_only(np.frombuffer(Struct(f"={len(values)}d").pack(*values)))


def read_only(array: NDArray[_T]) -> NDArray[_T]:
    """The array itself, which nobody can write any more."""
    array.flags.writeable = False
    return array
