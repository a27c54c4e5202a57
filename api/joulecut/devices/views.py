"""How devices and their readings look: rich tables for people, plain dictionaries for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from joulecut.devices.readings import Reading
from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import encode
from joulecut_core.devices import DeviceInfo

_UNKNOWN = "-"


def reading_document(name: str, info: DeviceInfo, reading: Reading) -> dict[str, Any]:
    """One reading as a line of JSON, with the name of its device and what its figures are of."""
    return {"device": name, "power_scope": info.power_scope, "figures": info.figures.value, **encode(reading)}


def reading_line(name: str, info: DeviceInfo, reading: Reading) -> str:
    """One reading as a line of words; figures that the device does not have are left out."""
    asked = f", asked for {_held(reading.requested, reading.holder)}" if reading.holder else ""
    figures = ((reading.power_w, 2, "W"), (reading.energy_j, 1, "J"), (reading.temperature_c, 0, "°C"))
    known = [f"{_number(value, digits)} {unit}" for value, digits, unit in figures if value is not None]
    said = [f"runs at {reading.achieved}{asked}", *known, f"throttled by {_throttles(reading)}"]
    return f"{name} after {reading.elapsed_s:.1f} s: {', '.join(said)} ({info.power_scope}, {info.figures.value})"


def readings_table(infos: Mapping[str, DeviceInfo], readings: Mapping[str, Reading]) -> Table:
    """The newest reading of every device."""
    table = Table(title="joules count from the start of this view; figures are of the scope named")
    for column in ("device", "scope", "s", "asked for", "runs at", "W", "J", "°C", "throttled by"):
        table.add_column(column, justify="right" if column in ("s", "W", "J", "°C") else "left", overflow="fold")
    for name, info in infos.items():
        reading = readings.get(name)
        scope = f"{info.power_scope} ({info.figures.value})"
        table.add_row(escape(name), escape(scope), *(_cells(reading) if reading else [_UNKNOWN] * 7))
    return table


def _cells(reading: Reading) -> Sequence[str]:
    return (
        f"{reading.elapsed_s:.0f}",
        _asked(reading.requested, reading.holder),
        str(reading.achieved),
        _number(reading.power_w, 2),
        _number(reading.energy_j, 1),
        _number(reading.temperature_c, 0),
        _throttles(reading),
    )


def _throttles(reading: Reading) -> str:
    return ", ".join(reason.value for reason in reading.throttle) or "nothing"


def _asked(point: OperatingPoint | None, holder: str | None) -> str:
    return _UNKNOWN if holder is None else escape(_held(point, holder))


def _held(point: OperatingPoint | None, holder: str) -> str:
    return f"{point} by {holder}" if point else f"by {holder}"


def _number(value: float | None, digits: int) -> str:
    return _UNKNOWN if value is None else f"{value:.{digits}f}"
