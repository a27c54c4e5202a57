"""The planning problem: choose cut, wire, variant and both clocks. Contract `joulecut.problem/1`.

Every quantity is SI; clocks are MHz. Field names are the same words in JSON and protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Weights of the two sides' energies, and the share of the server's idle draw this pair answers for."""

    edge_weight: float = 1.0
    server_weight: float = 1.0
    server_idle_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Bandwidths, round trip, its spread, and the radio's draw on top of waiting."""

    uplink_bps: float
    downlink_bps: float
    rtt_s: float
    latency_std_s: float = 0.0
    uplink_w: float = 0.0
    downlink_w: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgePoint:
    """An operating point of the edge and its draw when not computing (clock held, context loaded)."""

    core_mhz: float
    memory_mhz: float | None
    wait_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The edge's operating points."""

    points: tuple[EdgePoint, ...]
    power_scope: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPoint:
    """An operating point of the server and its idle draw."""

    core_mhz: float
    memory_mhz: float | None
    idle_w: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server's operating points."""

    points: tuple[ServerPoint, ...]
    power_scope: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemCut:
    """A cut and the wires on offer there."""

    name: str
    wires: tuple[Wire, ...]
    allowed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SideTables:
    """One side's part of each cut at each of its operating points: mean time, mean draw, spread."""

    time_s: Table
    busy_w: Table
    time_std_s: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A precision or engine, with tables for both sides."""

    name: str
    edge: SideTables
    server: SideTables
    accuracy_loss: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A whole planning problem. Raises ProblemError where a value is out of range or a table ragged."""

    link: Link
    edge: Edge
    server: Server
    cuts: tuple[ProblemCut, ...]
    variants: tuple[Variant, ...]
    slo: Slo = field(default_factory=Slo)
    max_accuracy_loss: float = 0.0
    objective: Objective = field(default_factory=Objective)
    schema: str = PROBLEM_SCHEMA
