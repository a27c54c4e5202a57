"""Quantities and choices as the dashboard's sentences say them."""

from __future__ import annotations

from joulecut_core.clocks import OperatingPoint
from joulecut_core.plans import Plan
from joulecut_planner.uplinks.policy_table import PolicyRow

_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"))
_RATES = ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"))


def seconds(value_s: float) -> str:
    """A duration."""
    return _scaled(value_s, "s")


def joules(value_j: float) -> str:
    """An energy."""
    return _scaled(value_j, "J")


def bandwidth(value_bps: float) -> str:
    """A bandwidth."""
    for factor, unit in _RATES:
        if value_bps >= factor:
            return f"{_three(value_bps / factor)} {unit}"
    return f"{_three(value_bps)} bit/s"


def percent(share: float) -> str:
    """A share of 1."""
    return f"{_three(100 * share)} %"


def choice(of: Plan | PolicyRow) -> str:
    """Where a network is cut and at which clocks it runs."""
    if of.cut is None:
        return "nothing that keeps the level"
    edge = "" if of.edge_clock is None else f" at {of.edge_clock}"
    if of.server_clock is None:
        return f"everything on the edge{edge}"
    where = "everything on the server" if of.cut == 0 else f"a cut after {of.cut_name}"
    return f"{where} ({of.codec}), edge{edge or ' at its own clocks'}, server at {of.server_clock}"


def clock(point: OperatingPoint | None) -> str:
    """Clocks, or who else decides."""
    return "clocks that the board's governor chooses" if point is None else str(point)


def _scaled(value: float, unit: str) -> str:
    size = abs(value)
    for factor, prefix in _PREFIXES:
        if size >= factor:
            return f"{_three(value / factor)} {prefix}{unit}"
    return f"0 {unit}" if size == 0.0 else f"{_three(value / 1e-6)} µ{unit}"


def _three(value: float) -> str:
    """Three digits, and no exponent for thousands."""
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:.3g}"
