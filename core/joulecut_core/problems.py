"""The planning problem: choose cut, wire, variant and both clocks. Contract `joulecut.problem/1`.

Every quantity is SI; clocks are MHz. Field names are the same words in JSON and protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, cast

from joulecut_core.decoding import show
from joulecut_core.errors import ProblemError
from joulecut_core.problem_rules import check_numbers, own_row, take_own_numbers

PROBLEM_SCHEMA = "joulecut.problem/1"

Table = tuple[tuple[float, ...], ...]
"""`table[c][k]`: a value for cut c at operating point k."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What the pair must keep: deadline, the share of requests that must meet it, and the rate."""

    latency_s: float | None = None
    quantile: float | None = None
    margin: str = "cantelli"
    rate_hz: float | None = None

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Weights of the two sides' energies, and the share of the server's idle draw this pair answers for."""

    edge_weight: float = 1.0
    server_weight: float = 1.0
    server_idle_share: float = 0.0

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Bandwidths, round trip, its spread, and the radio's draw on top of waiting."""

    uplink_bps: float
    downlink_bps: float
    rtt_s: float
    latency_std_s: float = 0.0
    uplink_w: float = 0.0
    downlink_w: float = 0.0

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgePoint:
    """An operating point of the edge and its draw when not computing (clock held, context loaded)."""

    core_mhz: float
    memory_mhz: float | None
    wait_w: float

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The edge's operating points."""

    points: tuple[EdgePoint, ...]
    power_scope: str | None = None

    def __post_init__(self) -> None:
        _freeze(self, "points")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPoint:
    """An operating point of the server and its idle draw."""

    core_mhz: float
    memory_mhz: float | None
    idle_w: float = 0.0

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server's operating points."""

    points: tuple[ServerPoint, ...]
    power_scope: str | None = None

    def __post_init__(self) -> None:
        _freeze(self, "points")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A codec at a cut: bytes both ways, accuracy it costs, time and power on top of waiting or idle."""

    codec: str
    uplink_bytes: float
    downlink_bytes: float
    accuracy_loss: float = 0.0
    encode_s: float = 0.0
    encode_w: float = 0.0
    decode_s: float = 0.0
    decode_w: float = 0.0

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemCut:
    """A cut and the wires on offer there."""

    name: str
    wires: tuple[Wire, ...]
    allowed: bool = True

    def __post_init__(self) -> None:
        _freeze(self, "wires")


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTables:
    """One side's part of each cut at each of its operating points: mean time, mean draw, spread."""

    time_s: Table
    busy_w: Table
    time_std_s: Table | None = None

    def __post_init__(self) -> None:
        for name in ("time_s", "busy_w", "time_std_s"):
            _freeze(self, name)
            table = getattr(self, name)
            if isinstance(table, tuple):
                object.__setattr__(self, name, tuple(map(own_row, table)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A precision or engine, with tables for both sides."""

    name: str
    edge: SideTables
    server: SideTables
    accuracy_loss: float = 0.0

    def __post_init__(self) -> None:
        take_own_numbers(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A whole planning problem. Raises ProblemError where a value is out of range or a table ragged.

    Lists are taken for tuples and frozen, so a problem never changes once it is made; numbers of other kinds, such as
    numpy's, for Python's own.
    """

    link: Link
    edge: Edge
    server: Server
    cuts: tuple[ProblemCut, ...]
    variants: tuple[Variant, ...]
    slo: Slo = field(default_factory=Slo)
    max_accuracy_loss: float = 0.0
    objective: Objective = field(default_factory=Objective)
    schema: str = PROBLEM_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != PROBLEM_SCHEMA:
            raise ProblemError(f"schema: {show(self.schema)}; expected {PROBLEM_SCHEMA!r}")
        _freeze(self, "cuts")
        _freeze(self, "variants")
        take_own_numbers(self)
        _check_structure(self)
        check_numbers(self)


def _freeze(owner: object, name: str) -> None:
    value = getattr(owner, name)
    if isinstance(value, list):
        object.__setattr__(owner, name, tuple(value))


def _check_structure(problem: Problem) -> None:
    _expect("slo", problem.slo, Slo)
    _expect("objective", problem.objective, Objective)
    _expect("link", problem.link, Link)
    _expect_all("edge.points", _expect("edge", problem.edge, Edge).points, EdgePoint)
    _expect_all("server.points", _expect("server", problem.server, Server).points, ServerPoint)
    for index, cut in enumerate(_expect_all("cuts", problem.cuts, ProblemCut)):
        _expect_all(f"cuts[{index}].wires", cut.wires, Wire)
    for index, variant in enumerate(_expect_all("variants", problem.variants, Variant)):
        _expect(f"variants[{index}].edge", variant.edge, SideTables)
        _expect(f"variants[{index}].server", variant.server, SideTables)


_T = TypeVar("_T")


def _expect(path: str, value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise ProblemError(f"{path}: {show(value)}; expected {kind.__name__}")
    return value


def _expect_all(path: str, values: object, kind: type[_T]) -> tuple[_T, ...]:
    if not isinstance(values, tuple):
        raise ProblemError(f"{path}: {show(values)}; expected a list of {kind.__name__}")
    for index, value in enumerate(values):
        _expect(f"{path}[{index}]", value, kind)
    return cast("tuple[_T, ...]", values)
