"""A policy table finds the row of an uplink, and survives being written down."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import PlanError
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_planner.choices.variations import Downlink
from joulecut_planner.uplinks.policy_table import PolicyRow, PolicyTable, parse_policy_table, policy_table_document
from tests.thoroughness import examples

AT_HOME = PolicyRow(
    from_bps=2e6,
    to_bps=5e6,
    status=OPTIMAL,
    cut=3,
    cut_name="output",
    codec="none",
    variant="fp32",
    edge_point=1,
    edge_clock=OperatingPoint(core_mhz=612.0, memory_mhz=2133.0),
    latency_bound_s=0.03,
    energy_j=0.4,
)
AWAY = replace(AT_HOME, from_bps=5e6, to_bps=1e8, cut=0, server_point=2, server_clock=OperatingPoint(core_mhz=1980.0))
NOTHING = PolicyRow(from_bps=1e6, to_bps=2e6, status=INFEASIBLE)
TABLE = PolicyTable(downlink=Downlink.FIXED, rows=(NOTHING, AT_HOME, AWAY))


def document() -> dict[str, Any]:
    """The table as JSON gives it back."""
    parsed: dict[str, Any] = json.loads(json.dumps(policy_table_document(TABLE), allow_nan=False))
    return parsed


@settings(max_examples=examples(200))
@given(uplink_bps=st.floats(1e6, 1e8))
def test_at_finds_the_row_around_an_uplink(uplink_bps: float) -> None:
    """The row's own range says that it is the one; there is no other."""
    row = TABLE.at(uplink_bps)
    assert row.from_bps <= uplink_bps
    assert uplink_bps < row.to_bps or row is TABLE.rows[-1]


def test_a_row_begins_at_its_slow_end() -> None:
    """At a break point the faster side's choice holds, which is feasible there; the range's fast end is in it."""
    assert [TABLE.at(uplink_bps) for uplink_bps in (1e6, 2e6, 5e6, 1e8)] == [NOTHING, AT_HOME, AWAY, AWAY]
    assert (TABLE.lowest_bps, TABLE.highest_bps) == (1e6, 1e8)


@pytest.mark.parametrize("uplink_bps", [0.0, 9.9e5, 1.1e8, float("nan")])
def test_outside_the_range_the_table_knows_nothing(uplink_bps: float) -> None:
    """An edge whose link leaves the range is told so, not given the nearest row."""
    with pytest.raises(PlanError, match=r"expected 1000000.0 to 100000000.0: make a table for a wider range"):
        TABLE.at(uplink_bps)


def test_there_and_back() -> None:
    """Written and read again it is the same table."""
    assert document()["schema"] == "joulecut.policy_table/1"
    assert parse_policy_table(document()) == TABLE
    assert parse_policy_table(json.dumps(document())) == TABLE


def changed(**changes: Any) -> dict[str, Any]:
    """The document with changes at its top level."""
    return document() | changes


def with_row(index: int, **changes: Any) -> dict[str, Any]:
    """The document with changes in one row."""
    rows = document()["rows"]
    rows[index] |= changes
    return changed(rows=rows)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (changed(schema="joulecut.plan/1"), r"schema: 'joulecut.plan/1'; expected 'joulecut.policy_table/1'"),
        (changed(rows=[]), "rows: empty"),
        (changed(downlink="sideways"), "downlink: 'sideways'; expected one of 'fixed', 'proportional'"),
        (changed(row=1), "row: unknown key; did you mean 'rows'"),
        (with_row(1, from_bps=3e6), r"rows\[1\].from_bps: 3000000.0; expected 2000000.0"),
        (with_row(1, status="perhaps"), "status: 'perhaps'; expected 'optimal' or 'infeasible'"),
        (with_row(1, cut=None), "expected a whole choice"),
        (with_row(1, energy_j=True), r"rows\[1\].energy_j: True; expected a finite number"),
        (with_row(0, cut=1), "expected a whole choice where optimal, none where infeasible"),
        (with_row(0, server_point=1, server_clock={"core_mhz": 1.0}), "server point 1; expected None"),
        (with_row(2, server_clock=None), "expected a whole choice"),
        (with_row(0, from_bps=-1.0), "expected 0 < from_bps <= to_bps"),
        (with_row(2, watts=3), r"rows\[2\].watts: unknown key"),
        ([], "top level"),
        ("{", "policy table: not JSON"),
        ('{"rows": [], "rows": []}', "rows: duplicate key"),
        ({"downlink": "fixed", "rows": []}, "schema: missing"),
    ],
)
def test_a_malformed_table_is_refused(wrong: Any, complaint: str) -> None:
    """What an edge would switch by has to be whole: the complaint names what is not."""
    with pytest.raises(PlanError, match=complaint):
        parse_policy_table(wrong)
