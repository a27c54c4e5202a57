"""Where a figure comes from. Every joule, watt and second joulecut reports carries one of these."""

from __future__ import annotations

from enum import Enum


class FigureKind(str, Enum):
    """How a figure was obtained."""

    MEASURED = "measured"
    """Read from a meter or a clock of real hardware."""
    ESTIMATED = "estimated"
    """Computed from a model or from other figures."""
    EMULATED = "emulated"
    """Read from the meter of an emulated device or link."""
