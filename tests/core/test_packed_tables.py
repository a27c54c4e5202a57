"""A side's tables as bytes: every number in its place, once for tables that stay the same."""

from __future__ import annotations

from array import array

from joulecut_core.packed_tables import may_be_negative, packed_tables
from joulecut_core.problems import SideTables


def test_times_spreads_and_watts_row_by_row() -> None:
    """One table behind the other; whole numbers are doubles, too."""
    tables = SideTables(
        time_s=((1.0, 2.0), (3.0, 4.0)), busy_w=((5, 6.0), (7.0, 8.0)), time_std_s=((0.1, 0.2), (0.3, 0.4))
    )
    numbers = array("d", packed_tables(tables))
    assert numbers.tolist() == [1.0, 2.0, 3.0, 4.0, 0.1, 0.2, 0.3, 0.4, 5.0, 6.0, 7.0, 8.0]


def test_no_spreads_are_zeros() -> None:
    """So that whoever reads needs no case of its own."""
    tables = SideTables(time_s=((1.0, 2.0),), busy_w=((5.0, 6.0),))
    assert array("d", packed_tables(tables)).tolist() == [1.0, 2.0, 0.0, 0.0, 5.0, 6.0]


def test_packed_once() -> None:
    """The same tables give the same bytes; equal ones are packed by themselves."""
    rows = ((1.0, 2.0),)
    tables = SideTables(time_s=rows, busy_w=rows)
    assert packed_tables(tables) is packed_tables(tables)
    assert packed_tables(SideTables(time_s=rows, busy_w=rows)) is not packed_tables(tables)


def test_signs_are_seen() -> None:
    """One negative number among thousands, or a zero that has a sign; none where there is none."""
    assert not may_be_negative(array("d", [0.0, 1e-300, 1e300] * 1000).tobytes())
    assert may_be_negative(array("d", [0.0] * 1000 + [-1e-300] + [1.0] * 1000).tobytes())
    assert may_be_negative(array("d", [-0.0]).tobytes())
