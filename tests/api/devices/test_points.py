"""Operating points as people type them."""

from __future__ import annotations

import pytest

from joulecut.devices.points import parse_point
from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ClockError, ConfigError


def point(core_mhz: float, memory_mhz: float | None = None) -> OperatingPoint:
    """A pair of clocks."""
    return OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz)


T4 = ClockTable(points=(point(300, 405), point(645, 405), point(300, 5001), point(1590, 5001)))
PLAIN = ClockTable(points=(point(114.75), point(1300.5)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1590/5001", point(1590, 5001)),
        ("300/5001", point(300, 5001)),
        ("300", point(300, 5001)),
        ("645", point(645, 405)),
        (" 645 / 405 ", point(645, 405)),
    ],
)
def test_points_of_a_table(text: str, expected: OperatingPoint) -> None:
    """CORE alone takes the highest memory clock that lists it, whatever runs now."""
    assert parse_point(text, T4) == expected


def test_a_device_without_a_memory_clock() -> None:
    """Fractions as tables print them."""
    assert parse_point("114.75", PLAIN) == point(114.75)


@pytest.mark.parametrize("text", ["fast", "", "/405", "300/", "-5", "nan", "inf", "300/405/1"])
def test_what_is_no_point(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(ConfigError, match=r"expected CORE or CORE/MEMORY in MHz"):
        parse_point(text, T4)


@pytest.mark.parametrize("text", ["1591", "645/5001", "300/406"])
def test_what_the_table_does_not_list(text: str) -> None:
    """Never rounded in silence: the nearest is named."""
    with pytest.raises(ClockError, match="nearest"):
        parse_point(text, T4)
