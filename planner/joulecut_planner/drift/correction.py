"""Tables brought to what live requests took: a factor for each side's clock, the codecs and the link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_core.problems import EdgePoint, Link, Problem, ProblemCut, ServerPoint, SideTables, Table, Variant, Wire
from joulecut_planner.choices.grids import Array

_ANY_CLOCK = OperatingPoint(core_mhz=1.0)
"""A single factor holds at all clocks, so it does not matter at which one it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFactor:
    """Measured over predicted seconds of one side's part at one operating point, as asked for."""

    point: OperatingPoint
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What live requests say of a problem's seconds; raises FitError for a factor that is not positive and finite.

    A side's factor at a clock without one is interpolated over core clocks at the same memory clock, or
    over all known ones where that has none, and held beyond: what slowed one clock down, a driver or a
    busy host, is rarely that clock's alone.
    """

    edge: tuple[PointFactor, ...] = ()
    server: tuple[PointFactor, ...] = ()
    encode: float = 1.0
    decode: float = 1.0
    link: float = 1.0

    def __post_init__(self) -> None:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        factors: Mapping[str, float] = {name: value for name, value in named.items() if isinstance(value, float)} | {
            f"{side} at {each.point}": each.factor for side in ("edge", "server") for each in named[side]
        }
        for name, factor in factors.items():
            if not 0.0 < factor < float("inf"):
                raise FitError(f"correction of {name}: {factor!r}; expected a factor above 0")

    @classmethod
    def everywhere(
        cls, *, head: float = 1.0, encode: float = 1.0, decode: float = 1.0, tail: float = 1.0
    ) -> Corrections:
        """Factors of stages that hold at every clock."""
        return cls(
            edge=() if head == 1.0 else (PointFactor(point=_ANY_CLOCK, factor=head),),
            server=() if tail == 1.0 else (PointFactor(point=_ANY_CLOCK, factor=tail),),
            encode=encode,
            decode=decode,
        )


def corrected(problem: Problem, corrections: Corrections) -> Problem:
    """The problem with its seconds multiplied: times and their spreads; watts stay.

    A slower link keeps its watts and loses bandwidth and round trip alike.
    """
    edge = _factors(problem.edge.points, corrections.edge)
    server = _factors(problem.server.points, corrections.server)
    return replace(
        problem,
        link=_link(problem.link, corrections.link),
        cuts=tuple(_cut(cut, corrections) for cut in problem.cuts),
        variants=tuple(_variant(variant, edge, server) for variant in problem.variants),
    )


def _variant(variant: Variant, edge: Array, server: Array) -> Variant:
    return replace(variant, edge=_tables(variant.edge, edge), server=_tables(variant.server, server))


def _tables(tables: SideTables, factors: Array) -> SideTables:
    std_s = None if tables.time_std_s is None else _scaled(tables.time_std_s, factors)
    return replace(tables, time_s=_scaled(tables.time_s, factors), time_std_s=std_s)


def _scaled(table: Table, factors: Array) -> Table:
    return tuple(map(tuple, (np.array(table) * factors).tolist()))


def _cut(cut: ProblemCut, corrections: Corrections) -> ProblemCut:
    return replace(cut, wires=tuple(_wire(wire, corrections) for wire in cut.wires))


def _wire(wire: Wire, corrections: Corrections) -> Wire:
    return replace(wire, encode_s=wire.encode_s * corrections.encode, decode_s=wire.decode_s * corrections.decode)


def _link(link: Link, factor: float) -> Link:
    return replace(
        link,
        uplink_bps=link.uplink_bps / factor,
        downlink_bps=link.downlink_bps / factor,
        rtt_s=link.rtt_s * factor,
        latency_std_s=link.latency_std_s * factor,
    )


def _factors(points: Sequence[EdgePoint] | Sequence[ServerPoint], known: Sequence[PointFactor]) -> Array:
    if not known:
        return np.ones(len(points))
    factors = []
    for point in points:
        alike = [each for each in known if _same_memory(each.point.memory_mhz, point.memory_mhz)] or known
        rising = sorted(alike, key=lambda each: each.point.core_mhz)
        clocks = [each.point.core_mhz for each in rising]
        factors.append(np.interp(point.core_mhz, clocks, [each.factor for each in rising]))
    return np.array(factors)


def _same_memory(a: float | None, b: float | None) -> bool:
    """Whether two memory clocks are one, up to a driver's rounding."""
    return OperatingPoint(core_mhz=1.0, memory_mhz=a).matches(OperatingPoint(core_mhz=1.0, memory_mhz=b))
