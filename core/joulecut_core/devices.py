"""The hardware seam: what joulecut asks of a device, whichever backend answers.

A device has a clock table, lends its clocks as a *lease* (a context manager that always restores),
reports its state, and runs work inside an *execution* that times it. A success code from a driver
is not an achieved clock: `Lease.achieved()` reads back what the device really runs at.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_core.workloads import Workload


class ThrottleReason(str, Enum):
    """Why a device runs below the clock that was asked for."""

    POWER_CAP = "power-cap"
    THERMAL = "thermal"
    HARDWARE = "hardware"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who a device is and what its meter covers.

    `power_scope` names what the watts contain (for example "module input", "GPU board",
    "wall"); figures of different scopes are never added without saying so.
    `meter_period_s` is how often the meter's value changes; None where there is no meter.
    """

    name: str
    backend: str
    uid: str
    driver: str
    power_scope: str
    figures: FigureKind
    meter_period_s: float | None
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """One reading of a device.

    `energy_j` counts since an arbitrary start; None where there is no meter. `energy_time_s` is when
    the meter took that value: its own time stamp where it gives one, else the time of reading.
    """

    time_s: float
    point: OperatingPoint
    power_w: float | None
    temperature_c: float | None
    throttle: frozenset[ThrottleReason]
    energy_j: float | None
    energy_time_s: float | None


class Lease(Protocol):
    """Clocks held for one holder until the context ends."""

    @property
    def requested(self) -> OperatingPoint:
        """The operating point last asked for."""
        ...

    def achieved(self) -> OperatingPoint:
        """What the device reports that it runs at now."""
        ...

    def move(self, point: OperatingPoint) -> OperatingPoint:
        """Hold another point, wait until it is in force, and return what was achieved.

        Raises ClockError where the point is not on the table or the lease has ended.
        """
        ...


class Execution(Protocol):
    """One timed run of a workload."""

    def mark(self) -> None:
        """The workload's next block has just finished."""
        ...

    @property
    def elapsed_s(self) -> float:
        """Seconds from entry to exit of the context, device synchronised at both."""
        ...

    @property
    def marks_s(self) -> tuple[float, ...]:
        """Seconds from entry to each mark, device synchronised at each."""
        ...

    @property
    def energy_j(self) -> float | None:
        """Joules drawn meanwhile, where the device can tell so short a window apart; else None."""
        ...


class Device(Protocol):
    """A device that runs parts of a network. Safe to call from several threads; one execution at a time."""

    @property
    def info(self) -> DeviceInfo:
        """Who this is; never changes."""
        ...

    @property
    def clock_table(self) -> ClockTable:
        """The operating points that can be leased now."""
        ...

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        """Hold `point` until the context ends, then restore what was there before.

        Raises ClockError where the point is not on the table, LeaseError where a lease is held.
        """
        ...

    def state(self) -> DeviceState:
        """A reading of clocks, power, temperature, throttling and energy."""
        ...

    def execution(self, workload: Workload) -> AbstractContextManager[Execution]:
        """A context in which the caller runs the computation that `workload` describes."""
        ...

    def close(self) -> None:
        """Restore the clocks and let go of the hardware. Safe to call twice."""
        ...
