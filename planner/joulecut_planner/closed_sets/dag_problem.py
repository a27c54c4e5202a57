"""The planning problem on a graph of blocks: choose a closed set, a wire and both clocks.

Everything of `joulecut.problem/1` that does not depend on the cut stands in core's words; tables are of blocks
instead of cuts, and a wire is a rule that holds wherever the graph is cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from joulecut_core.block_graphs import BlockGraph
from joulecut_core.decoding import show
from joulecut_core.errors import ProblemError
from joulecut_core.problem_rules import NOT_NEGATIVE, check_number
from joulecut_core.problems import Edge, Link, Objective, Server, Slo, Table, Wire

_RULE_NUMBERS = (
    "share",
    "envelope_bytes",
    "accuracy_loss",
    "encode_s",
    "encode_s_per_byte",
    "encode_w",
    "decode_s",
    "decode_s_per_byte",
    "decode_w",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTables:
    """One side's blocks: `time_s[b][k]`, mean seconds of block b at point k; `busy_w[b][k]`, mean draw meanwhile."""

    time_s: Table
    busy_w: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRule:
    """A codec, whatever crosses: costs that grow with the uncompressed bytes.

    `share`: bytes sent per uncompressed byte. `envelope_bytes`: what each message carries besides. Encoding
    takes `encode_s` and `encode_s_per_byte` for each uncompressed byte; decoding likewise; watts are on top of
    waiting or idle. The reply is sent as it is.
    """

    codec: str
    share: float = 1.0
    envelope_bytes: float = 0.0
    accuracy_loss: float = 0.0
    encode_s: float = 0.0
    encode_s_per_byte: float = 0.0
    encode_w: float = 0.0
    decode_s: float = 0.0
    decode_s_per_byte: float = 0.0
    decode_w: float = 0.0

    def wire(self, raw_bytes: float, reply_bytes: float) -> Wire:
        """The wire that carries `raw_bytes` up, uncompressed size, and `reply_bytes` down."""
        return Wire(
            codec=self.codec,
            uplink_bytes=self.share * raw_bytes + self.envelope_bytes,
            downlink_bytes=reply_bytes + self.envelope_bytes,
            accuracy_loss=self.accuracy_loss,
            encode_s=self.encode_s + self.encode_s_per_byte * raw_bytes,
            encode_w=self.encode_w,
            decode_s=self.decode_s + self.decode_s_per_byte * raw_bytes,
            decode_w=self.decode_w,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DagProblem:
    """A whole planning problem on a graph of blocks.

    Raises ProblemError where a table does not fit the graph and the points, or a rule's number is out of
    range; the other fields are checked when the problem is planned.
    """

    graph: BlockGraph
    edge: Edge
    server: Server
    edge_blocks: BlockTables
    server_blocks: BlockTables
    link: Link
    wires: tuple[WireRule, ...]
    slo: Slo = field(default_factory=Slo)
    objective: Objective = field(default_factory=Objective)
    max_accuracy_loss: float = 0.0
    variant: str = "network"

    def __post_init__(self) -> None:
        count = len(self.graph.blocks)
        _check_tables("edge_blocks", self.edge_blocks, count, len(self.edge.points))
        _check_tables("server_blocks", self.server_blocks, count, len(self.server.points))
        if not self.wires:
            raise ProblemError("wires: empty; expected at least one")
        for index, rule in enumerate(self.wires):
            for name in _RULE_NUMBERS:
                check_number(f"wires[{index}].{name}", getattr(rule, name), NOT_NEGATIVE)


def _check_tables(path: str, tables: BlockTables, blocks: int, points: int) -> None:
    for name, table in (("time_s", tables.time_s), ("busy_w", tables.busy_w)):
        if not isinstance(table, tuple) or len(table) != blocks:
            raise ProblemError(f"{path}.{name}: {show(table)}; expected {blocks} rows, one for each block")
        for block, row in enumerate(table):
            if not isinstance(row, tuple) or len(row) != points:
                raise ProblemError(
                    f"{path}.{name}[{block}]: {show(row)}; expected {points} numbers, one for each point"
                )
            for point, value in enumerate(row):
                check_number(f"{path}.{name}[{block}][{point}]", value, NOT_NEGATIVE)
