"""A policy table: which choice is the plan at which uplink, for an edge to hold and switch by on its own."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import decode, encode, show
from joulecut_core.errors import PlanError
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.strict_json import parse_strictly
from joulecut_planner.choices.variations import Downlink

POLICY_TABLE_SCHEMA = "joulecut.policy_table/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """One choice is the plan at every uplink from `from_bps` up to, not including, `to_bps`.

    `latency_bound_s` and `energy_j` are T_q and J at `from_bps`, the most in the row: both fall as the
    uplink gets faster. Where `status` is "infeasible" no choice keeps the constraints there, and all
    but the range is None. Raises PlanError where the fields contradict each other.
    """

    from_bps: float
    to_bps: float
    status: str
    cut: int | None = None
    cut_name: str | None = None
    codec: str | None = None
    variant: str | None = None
    edge_point: int | None = None
    server_point: int | None = None
    edge_clock: OperatingPoint | None = None
    server_clock: OperatingPoint | None = None
    latency_bound_s: float | None = None
    energy_j: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.from_bps <= self.to_bps < math.inf:
            raise PlanError(f"row from {self.from_bps} to {self.to_bps} bps; expected 0 < from_bps <= to_bps")
        if self.status not in (OPTIMAL, INFEASIBLE):
            raise PlanError(f"status: {show(self.status)}; expected {OPTIMAL!r} or {INFEASIBLE!r}")
        always = (
            *(self.cut, self.cut_name, self.codec, self.variant, self.edge_point, self.edge_clock),
            *(self.latency_bound_s, self.energy_j),
        )
        server = (self.server_point, self.server_clock)
        if any((field is None) != (self.status == INFEASIBLE) for field in always) or server.count(None) == 1:
            raise PlanError(
                f"row from {self.from_bps} bps: {self.status} with cut {self.cut} and edge point {self.edge_point}; "
                f"expected a whole choice where {OPTIMAL}, none where {INFEASIBLE}"
            )
        if self.status == INFEASIBLE and self.server_point is not None:
            raise PlanError(f"row from {self.from_bps} bps: server point {self.server_point}; expected None")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """Rows by rising uplink without gaps; the last one holds at its `to_bps` too.

    `downlink` says what the downlink was taken to do while the uplink varies. Raises PlanError where
    rows are missing or do not follow each other.
    """

    downlink: Downlink
    rows: tuple[PolicyRow, ...]
    schema: str = POLICY_TABLE_SCHEMA

    def __post_init__(self) -> None:
        if self.schema != POLICY_TABLE_SCHEMA:
            raise PlanError(f"schema: {show(self.schema)}; expected {POLICY_TABLE_SCHEMA!r}: make the table again")
        if not self.rows:
            raise PlanError("rows: empty; expected at least one")
        for index, (row, after) in enumerate(pairwise(self.rows)):
            if row.to_bps != after.from_bps or row.from_bps == row.to_bps:
                raise PlanError(
                    f"rows[{index + 1}].from_bps: {after.from_bps}; expected {row.to_bps}, where the row before ends, "
                    "and rows of some width"
                )

    @property
    def lowest_bps(self) -> float:
        """The slowest uplink that the table knows."""
        return self.rows[0].from_bps

    @property
    def highest_bps(self) -> float:
        """The fastest uplink that the table knows."""
        return self.rows[-1].to_bps

    def at(self, uplink_bps: float) -> PolicyRow:
        """The row for an uplink. Raises PlanError outside the table's range."""
        if not self.lowest_bps <= uplink_bps <= self.highest_bps:
            raise PlanError(
                f"uplink of {uplink_bps} bps; expected {self.lowest_bps} to {self.highest_bps}: "
                "make a table for a wider range"
            )
        return self.rows[bisect_right(self.rows, uplink_bps, key=lambda row: row.from_bps) - 1]


def policy_table_document(table: PolicyTable) -> dict[str, object]:
    """The table as a JSON object, joulecut.policy_table/1; `parse_policy_table` gives it back."""
    document: dict[str, object] = encode(table)
    return {"schema": table.schema} | document


def parse_policy_table(source: str | Mapping[str, object]) -> PolicyTable:
    """The table in JSON text or in a parsed object. Raises PlanError with the JSON path of what is wrong."""
    document = parse_strictly(source, PlanError, "policy table", path_first=True) if isinstance(source, str) else source
    if isinstance(document, Mapping) and "schema" not in document:
        raise PlanError(f"schema: missing; expected {POLICY_TABLE_SCHEMA!r}")
    return decode(PolicyTable, document, error=PlanError)
