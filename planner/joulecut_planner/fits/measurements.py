"""What was measured at one operating point of a series: one device, workload and batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_core.power_scopes import GPU_BOARD


class ClockKind(str, Enum):
    """How far the clocks of a measurement are to be believed."""

    LOCKED = "locked"
    """The driver was told to hold them and nothing contradicts it."""
    REQUESTED = "requested"
    """Asked for; what was reached may differ."""
    ACHIEVED = "achieved"
    """The measured mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Seconds of one run and watts meanwhile at an operating point; None where it was not measured."""

    core_mhz: float
    memory_mhz: float | None = None
    latency_s: float | None = None
    power_w: float | None = None
    power_scope: str | None = None
    clock_kind: ClockKind = ClockKind.LOCKED
    series: str | None = None

    def __post_init__(self) -> None:
        for name in ("core_mhz", "memory_mhz", "latency_s", "power_w"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise FitError(f"{name}: {value}; expected a finite number above 0")

    @property
    def point(self) -> OperatingPoint:
        """Where it was measured."""
        return OperatingPoint(core_mhz=self.core_mhz, memory_mhz=self.memory_mhz)


def check_series(measurements: Sequence[Measurement]) -> None:
    """Raise FitError unless the measurements are of one series, one power scope and one set of clocks."""
    _one("series", {m.series for m in measurements if m.series is not None}, "one file for each series")
    _one(
        "power scopes",
        {m.power_scope for m in measurements if m.power_w is not None and m.power_scope is not None},
        "watts of one scope: they are never mixed in a fit",
    )
    known = {m.memory_mhz is not None for m in measurements}
    if len(known) > 1:
        raise FitError("the memory clock is known of some measurements only; expected all or none: fill it in")


def on_gpu_board(measurements: Sequence[Measurement]) -> bool:
    """Whether watts are said to be a graphics card's ("GPU board", "gpu_board", "GPU board + host")."""
    scopes = (m.power_scope.replace("_", " ").casefold() for m in measurements if m.power_scope is not None)
    return any(scope.startswith(GPU_BOARD.casefold()) for scope in scopes)


def _one(what: str, found: set[str], expected: str) -> None:
    if len(found) > 1:
        raise FitError(f"two or more {what}: {', '.join(sorted(found))}; expected {expected}")
