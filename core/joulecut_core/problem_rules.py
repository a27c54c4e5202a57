"""The ranges and shapes that the numbers of a planning problem must keep (contract `joulecut.problem/1`).

Every complaint is a ProblemError that starts with the JSON path: `link.uplink_bps: 0; expected a number above 0`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, cast

from joulecut_core.decoding import show
from joulecut_core.errors import ProblemError
from joulecut_core.identity import Same
from joulecut_core.packed_tables import may_be_negative, packed_tables

if TYPE_CHECKING:
    from joulecut_core.problems import Edge, Link, Objective, Problem, ProblemCut, Server, SideTables, Slo, Wire

MARGINS = ("cantelli", "gaussian")
"""How a quantile becomes a margin."""

NO_CODEC = "none"
"""The codec of the last cut's only wire: nothing crosses."""

_KEPT = 32
"""Tables remembered as checked: both sides of a handful of problems under planning at once, some megabytes each."""

_OWN_KINDS = frozenset({float, int, bool, str, type(None)})
"""Kinds that hold no number but Python's own."""

_WIRE_NUMBERS = ("uplink_bytes", "downlink_bytes", "accuracy_loss", "encode_s", "encode_w", "decode_s", "decode_w")


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers that a field may hold, and how a complaint says so."""

    text: str
    holds: Callable[[float], bool]


POSITIVE = Range("a finite number above 0", lambda value: value > 0)
NOT_NEGATIVE = Range("a finite number of at least 0", lambda value: value >= 0)
_ZERO = Range("0", lambda value: value == 0)
SHARE = Range("a number from 0 to 1", lambda value: 0 <= value <= 1)
_QUANTILE = Range("a number above 0.5 and below 1, or null", lambda value: 0.5 < value < 1)


def check_numbers(problem: Problem) -> None:
    """Raise ProblemError for the first value of `problem` that is out of range, of a wrong type, ragged or empty."""
    check_slo(problem.slo)
    check_number("max_accuracy_loss", problem.max_accuracy_loss, NOT_NEGATIVE)
    check_objective(problem.objective)
    _check_link(problem.link)
    _check_edge(problem.edge)
    _check_server(problem.server)
    if len(problem.cuts) < 2:
        raise ProblemError(f"cuts: {len(problem.cuts)} of them; expected at least two, all on the server and all edge")
    for index, cut in enumerate(problem.cuts):
        _check_cut(f"cuts[{index}]", cut, last=index == len(problem.cuts) - 1)
    if not problem.variants:
        raise ProblemError("variants: empty; expected at least one")
    for index, variant in enumerate(problem.variants):
        path = f"variants[{index}]"
        check_text(f"{path}.name", variant.name)
        check_number(f"{path}.accuracy_loss", variant.accuracy_loss, NOT_NEGATIVE)
        for side, tables, points, idle_cut in (
            ("edge", variant.edge, len(problem.edge.points), 0),
            ("server", variant.server, len(problem.server.points), len(problem.cuts) - 1),
        ):
            _check_tables(f"{path}.{side}", tables, cuts=len(problem.cuts), points=points, idle_cut=idle_cut)


def check_slo(slo: Slo) -> None:
    """Raise ProblemError for the first value of a service level that is out of range."""
    if slo.latency_s is not None:
        check_number("slo.latency_s", slo.latency_s, POSITIVE)
    if slo.quantile is not None:
        check_number("slo.quantile", slo.quantile, _QUANTILE)
    if slo.margin not in MARGINS:
        raise ProblemError(f"slo.margin: {show(slo.margin)}; expected one of {', '.join(map(repr, MARGINS))}")
    if slo.rate_hz is not None:
        check_number("slo.rate_hz", slo.rate_hz, POSITIVE)


def check_objective(objective: Objective) -> None:
    """Raise ProblemError for the first weight that is out of range."""
    check_number("objective.edge_weight", objective.edge_weight, NOT_NEGATIVE)
    check_number("objective.server_weight", objective.server_weight, NOT_NEGATIVE)
    check_number("objective.server_idle_share", objective.server_idle_share, SHARE)


def _check_link(link: Link) -> None:
    for name in ("uplink_bps", "downlink_bps"):
        check_number(f"link.{name}", getattr(link, name), POSITIVE)
    for name in ("rtt_s", "latency_std_s", "uplink_w", "downlink_w"):
        check_number(f"link.{name}", getattr(link, name), NOT_NEGATIVE)


def _check_edge(edge: Edge) -> None:
    _scope("edge.power_scope", edge.power_scope)
    if not edge.points:
        raise ProblemError("edge.points: empty; expected at least one operating point")
    for index, point in enumerate(edge.points):
        _check_clock(f"edge.points[{index}]", point.core_mhz, point.memory_mhz)
        check_number(f"edge.points[{index}].wait_w", point.wait_w, NOT_NEGATIVE)


def _check_server(server: Server) -> None:
    _scope("server.power_scope", server.power_scope)
    if not server.points:
        raise ProblemError("server.points: empty; expected at least one operating point")
    for index, point in enumerate(server.points):
        _check_clock(f"server.points[{index}]", point.core_mhz, point.memory_mhz)
        check_number(f"server.points[{index}].idle_w", point.idle_w, NOT_NEGATIVE)


def _check_clock(path: str, core_mhz: float, memory_mhz: float | None) -> None:
    check_number(f"{path}.core_mhz", core_mhz, NOT_NEGATIVE)
    if memory_mhz is not None:
        check_number(f"{path}.memory_mhz", memory_mhz, NOT_NEGATIVE)


def _check_cut(path: str, cut: ProblemCut, *, last: bool) -> None:
    check_text(f"{path}.name", cut.name)
    if not isinstance(cast(object, cut.allowed), bool):
        raise ProblemError(f"{path}.allowed: {show(cut.allowed)}; expected true or false")
    if not cut.wires:
        raise ProblemError(f"{path}.wires: empty; expected at least one wire")
    if last and len(cut.wires) != 1:
        raise ProblemError(f"{path}.wires: {len(cut.wires)} wires; expected one, {NO_CODEC!r}: nothing crosses here")
    for index, wire in enumerate(cut.wires):
        _check_wire(f"{path}.wires[{index}]", wire, last=last)


def _check_wire(path: str, wire: Wire, *, last: bool) -> None:
    check_text(f"{path}.codec", wire.codec)
    if last and wire.codec != NO_CODEC:
        raise ProblemError(f"{path}.codec: {show(wire.codec)}; expected {NO_CODEC!r} at the last cut")
    for name in _WIRE_NUMBERS:
        check_number(f"{path}.{name}", getattr(wire, name), _ZERO if last else NOT_NEGATIVE)


def _check_tables(path: str, tables: SideTables, *, cuts: int, points: int, idle_cut: int) -> None:
    """Check one side's tables, and pack them, once: a problem varied in link or service level keeps its tables."""
    _tables_checked(Same(tables), path, cuts, points, idle_cut)


@lru_cache(maxsize=_KEPT)
def _tables_checked(key: Same[SideTables], path: str, cuts: int, points: int, idle_cut: int) -> None:
    tables = key.value
    kinds = (("time_s", tables.time_s), ("busy_w", tables.busy_w), ("time_std_s", tables.time_std_s))
    given = [(name, table) for name, table in kinds if name != "time_std_s" or table is not None]
    plain = all(_is_plain(table, cuts, points) for _, table in given)
    if not plain or may_be_negative(packed_tables(tables)):
        for name, table in given:
            _table(f"{path}.{name}", table, cuts, points)
    for point, value in enumerate(tables.time_s[idle_cut]):
        check_number(f"{path}.time_s[{idle_cut}][{point}]", value, _ZERO)
    packed_tables(tables)


def _is_plain(table: object, cuts: int, points: int) -> bool:
    """Whether a table has its shape and finite floats alone, in few passes in C for tables of thousands of rows.

    Others may be right, too: a look at every number says so, or what is wrong.
    """
    return (
        isinstance(table, tuple)
        and len(table) == cuts
        and all(
            isinstance(row, tuple)
            and len(row) == points
            and set(map(type, row)) == {float}
            # A sum that is finite proves every term finite.
            and math.isfinite(sum(row))
            for row in table
        )
    )


def _table(path: str, table: object, cuts: int, points: int) -> None:
    if not isinstance(table, tuple):
        raise ProblemError(f"{path}: {show(table)}; expected {cuts} lists, one for each cut")
    if len(table) != cuts:
        raise ProblemError(f"{path}: {len(table)} rows; expected {cuts}, one for each cut")
    for index, row in enumerate(table):
        if not isinstance(row, tuple):
            raise ProblemError(f"{path}[{index}]: {show(row)}; expected a list of {points} numbers")
        if len(row) != points:
            raise ProblemError(f"{path}[{index}]: {len(row)} values; expected {points}, one for each operating point")
        for point, value in enumerate(row):
            check_number(f"{path}[{index}][{point}]", value, NOT_NEGATIVE)


def check_number(path: str, value: object, allowed: Range) -> None:
    """Raise ProblemError, starting with `path`, where `value` is no finite number within `allowed`."""
    if type(value) is float and math.isfinite(value) and allowed.holds(value):
        return
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number) and allowed.holds(number):
            return
    raise ProblemError(f"{path}: {show(value)}; expected {allowed.text}")


def take_own_numbers(owner: object) -> None:
    """Put Python's own numbers in the place of others, numpy's among them, in the fields of a frozen dataclass.

    What is computed with a number of 32 bits has 32 bits, and JSON takes none. What is no number is left for the check.
    """
    for field in dataclasses.fields(cast(Any, owner)):
        value = getattr(owner, field.name)
        if type(value) not in _OWN_KINDS:
            object.__setattr__(owner, field.name, own_number(value))


def own_row(row: object) -> object:
    """A row of a table as a tuple of Python's own numbers; what is no list as it is."""
    if not isinstance(row, (list, tuple)):
        return row
    return tuple(row) if _OWN_KINDS.issuperset(map(type, row)) else tuple(map(own_number, row))


def own_number(value: object) -> object:
    """Python's own of a number, whatever kind it has; anything else as it is."""
    if type(value) in _OWN_KINDS or not isinstance(value, Real):
        return value
    if isinstance(value, Integral):
        return int(value)
    try:
        return float(value)
    except OverflowError:
        return value


def check_text(path: str, value: object) -> None:
    """Raise ProblemError, starting with `path`, where `value` is no string that can be written out."""
    if not isinstance(value, str):
        raise ProblemError(f"{path}: {show(value)}; expected a string")
    try:
        value.encode()
    except UnicodeEncodeError as cause:
        raise ProblemError(f"{path}: {show(value)}; expected a string that UTF-8 can carry") from cause


def _scope(path: str, value: object) -> None:
    if value is not None:
        check_text(path, value)
