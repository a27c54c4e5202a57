"""Operating points as a person types them: "1020" or "1020/2133"."""

from __future__ import annotations

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ConfigError


def parse_point(text: str, table: ClockTable) -> OperatingPoint:
    """The table's point that `text` means, in MHz; without a memory clock, at the highest that lists the core clock.

    Raises ConfigError where it is not of that form, ClockError with the nearest where it is not on the table.
    """
    core, slash, memory = text.partition("/")
    core_mhz = _mhz(core, text)
    if slash:
        return table.find(OperatingPoint(core_mhz=core_mhz, memory_mhz=_mhz(memory, text)))
    descending = reversed(table.memory_clocks_mhz)
    wanted = [OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz) for memory_mhz in descending]
    listed = [point for point in wanted if any(point.matches(each) for each in table.points)]
    return table.find((listed or wanted)[0])


def _mhz(number: str, text: str) -> float:
    try:
        value_mhz = float(number)
    except ValueError:
        value_mhz = 0.0
    if not 0 < value_mhz < float("inf"):
        raise ConfigError(f"clock {text!r}; expected CORE or CORE/MEMORY in MHz, for example 1020 or 1020/2133")
    return value_mhz
