"""Operating points and clock tables."""

from __future__ import annotations

import pytest

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ClockError, DeviceError

LOW = OperatingPoint(core_mhz=306, memory_mhz=665.6)
MIDDLE = OperatingPoint(core_mhz=612, memory_mhz=665.6)
TOP = OperatingPoint(core_mhz=306, memory_mhz=2133)


def table() -> ClockTable:
    return ClockTable(points=(TOP, MIDDLE, LOW))


def test_points_are_sorted_by_memory_then_core() -> None:
    """Tables may be written in any order; the top is the highest core clock at the highest memory clock."""
    assert table().points == (LOW, MIDDLE, TOP)
    assert table().top == TOP


def test_core_clocks_depend_on_the_memory_clock() -> None:
    """Some devices offer other core clocks at another memory clock (T4 and L4 at 405 MHz)."""
    assert table().memory_clocks_mhz == (665.6, 2133)
    assert table().core_clocks_mhz(665.6) == (306, 612)
    assert table().core_clocks_mhz(2133) == (306,)
    assert table().core_clocks_mhz(999) == ()


def test_memory_that_cannot_be_set() -> None:
    """None is a memory clock of its own, not zero."""
    fixed = ClockTable(points=(OperatingPoint(core_mhz=1530), OperatingPoint(core_mhz=135)))
    assert fixed.memory_clocks_mhz == (None,)
    assert fixed.core_clocks_mhz(None) == (135, 1530)
    assert fixed.top == OperatingPoint(core_mhz=1530)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (OperatingPoint(core_mhz=114.75), OperatingPoint(core_mhz=114.750001), True),
        (OperatingPoint(core_mhz=114.75), OperatingPoint(core_mhz=115), False),
        (OperatingPoint(core_mhz=306, memory_mhz=665.6), OperatingPoint(core_mhz=306, memory_mhz=665.6004), True),
        (OperatingPoint(core_mhz=306, memory_mhz=665.6), OperatingPoint(core_mhz=306, memory_mhz=2133), False),
        (OperatingPoint(core_mhz=306, memory_mhz=665.6), OperatingPoint(core_mhz=306), False),
        (OperatingPoint(core_mhz=306), OperatingPoint(core_mhz=306), True),
    ],
)
def test_matching_forgives_rounding_only(a: OperatingPoint, b: OperatingPoint, same: bool) -> None:
    """A driver's rounding is no other clock; the next step of the ladder is."""
    assert a.matches(b) is same
    assert b.matches(a) is same


def test_find_returns_the_tables_own_entry() -> None:
    """What a driver reports is mapped onto the table's exact value."""
    assert table().find(OperatingPoint(core_mhz=612.004, memory_mhz=665.598)) == MIDDLE


def test_find_names_the_nearest() -> None:
    """A clock that is not on the table is refused with the nearest at the nearest memory clock."""
    with pytest.raises(ClockError, match=r"600/665\.6 MHz is not on .* nearest is 612/665\.6 MHz, .* 306/2133 MHz"):
        table().find(OperatingPoint(core_mhz=600, memory_mhz=665.6))


def test_empty_table() -> None:
    """A device without any operating point is a device's fault."""
    with pytest.raises(DeviceError, match="empty"):
        ClockTable(points=())


def test_text() -> None:
    """Points read as people write them."""
    assert str(TOP) == "306/2133 MHz"
    assert str(OperatingPoint(core_mhz=114.75)) == "114.75 MHz"
