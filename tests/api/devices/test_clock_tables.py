"""Clock tables in short."""

from __future__ import annotations

import pytest

from joulecut.devices.clock_tables import table_facts, table_in_words
from joulecut_core.clocks import ClockTable, OperatingPoint


def table(*points: tuple[float, float | None]) -> ClockTable:
    """A table of (core, memory) pairs."""
    return ClockTable(points=tuple(OperatingPoint(core_mhz=core, memory_mhz=memory) for core, memory in points))


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (table((2596, None)), "1 core clock, 2596 MHz"),
        (table((114.75, None), (1300.5, None)), "2 core clocks, 114.75 to 1300.5 MHz"),
        # The same core clocks at several memory clocks are said once ...
        (table((306, 204), (306, 665.6)), "1 core clock, 306 MHz, at 204, 665.6 MHz of memory"),
        # ... different ones, as on a T4, for each.
        (
            table((300, 405), (300, 5001), (1590, 5001)),
            "1 core clock, 300 MHz, at 405 MHz of memory; 2 core clocks, 300 to 1590 MHz, at 5001 MHz of memory",
        ),
    ],
)
def test_in_words(of: ClockTable, words: str) -> None:
    """Short where it can be, and never one list where the legal clocks depend on memory."""
    assert table_in_words(of) == words


def test_as_facts() -> None:
    """Count and range for each memory clock."""
    assert table_facts(table((300, 405), (300, 5001), (1590, 5001)))[1] == {
        "memory_mhz": 5001,
        "core_clocks": 2,
        "lowest_core_mhz": 300,
        "highest_core_mhz": 1590,
    }
