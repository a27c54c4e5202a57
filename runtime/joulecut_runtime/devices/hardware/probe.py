"""The reading half of a real device. Needs no privilege and never changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from joulecut_core.clocks import ClockTable
from joulecut_core.devices import DeviceInfo, DeviceState


class MeterKind(str, Enum):
    """Where a device's joules come from."""

    COUNTER = "counter"
    """The hardware or its driver counts joules."""
    SAMPLED = "sampled"
    """Power is sampled and integrated by joulecut."""
    CONFIGURED = "configured"
    """Nothing is measured: somebody has said what it draws at work and waiting."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What this device lets joulecut do, whoever asks; `remarks` are limits worth telling a person.

    "Settable" means that the hardware and its driver offer it; whether this process may is the
    authority's answer.
    """

    core_settable: bool
    memory_settable: bool
    meter: MeterKind
    remarks: tuple[str, ...] = ()


class Probe(Protocol):
    """Reads one real device. Safe to call from several threads."""

    @property
    def info(self) -> DeviceInfo:
        """Who this is; never changes."""
        ...

    @property
    def board(self) -> str:
        """The key under which its clocks are leased: `joulecut_runtime.clockd.book.Board.key`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What can be set and metered here; never changes."""
        ...

    @property
    def clock_table(self) -> ClockTable:
        """The operating points that can be leased now: read again each time, since a power mode caps them."""
        ...

    def read(self) -> DeviceState:
        """Clocks, power, temperature, throttling and energy, now.

        `time_s` and `energy_time_s` are of the probe's Clock. Raises DeviceError where the device has vanished.
        """
        ...

    def close(self) -> None:
        """Stop sampling and let go of the driver. Safe to call twice."""
        ...


@runtime_checkable
class WorkListener(Protocol):
    """A probe that has to be told when its device works: one whose watts are configured. Thread-safe."""

    def work_begins(self) -> None:
        """The device is given work."""
        ...

    def work_ends(self) -> None:
        """The work is done, or has failed."""
        ...
