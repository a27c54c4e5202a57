"""The tables of a device file, one record each; units stand in the names.

Every table says how firm its values are (`basis`) and where they come from (`source`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from joulecut_core.errors import ConfigError

_MOST_CLOCKS = 10_000
"""Of one span; the longest known ladder has some hundred."""


class Basis(str, Enum):
    """How firm a table's values are."""

    MEASURED = "measured"
    FITTED = "fitted"
    DERIVED = "derived"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What every table of a device file starts with."""

    basis: Basis
    source: str

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise ConfigError("source: empty; expected where the values of this table come from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Clocks from first to last in even steps; like a driver's list, rounded down to whole MHz."""

    first_mhz: float
    last_mhz: float
    step_mhz: float

    def __post_init__(self) -> None:
        if not 0 < self.first_mhz <= self.last_mhz or self.step_mhz < 1:
            raise ConfigError(
                f"a span of {self.first_mhz:g} to {self.last_mhz:g} MHz by {self.step_mhz:g} is empty; "
                "expected 0 < first_mhz <= last_mhz and step_mhz >= 1"
            )
        if self.last_mhz - self.first_mhz > _MOST_CLOCKS * self.step_mhz:
            raise ConfigError(
                f"a span of {self.first_mhz:g} to {self.last_mhz:g} MHz by {self.step_mhz:g}; "
                f"expected at most {_MOST_CLOCKS} clocks"
            )

    def clocks_mhz(self) -> tuple[float, ...]:
        """The clocks, ascending."""
        count = int((self.last_mhz - self.first_mhz) / self.step_mhz + 1e-9) + 1
        return tuple(float(math.floor(self.first_mhz + index * self.step_mhz + 1e-9)) for index in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder(Provenance):
    """The core clocks legal at one memory clock (`memory_mhz` is left out where it cannot be set)."""

    memory_mhz: float | None = None
    core_mhz: tuple[float, ...] = ()
    core_spans: tuple[Span, ...] = ()

    def clocks_mhz(self) -> tuple[float, ...]:
        """The core clocks, ascending."""
        return tuple(sorted({*self.core_mhz, *(clock for span in self.core_spans for clock in span.clocks_mhz())}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute(Provenance):
    """Arithmetic: operations per core cycle at best, and how sharply compute and memory time overlap.

    Both together take the `overlap_norm`-norm of the two: 1 adds them, infinity takes the longer.
    """

    flops_per_cycle: float
    overlap_norm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPath(Provenance):
    """Bandwidth: of the memory at `memory_mhz` (proportional to its clock), and what the cores can ask for per cycle.

    The slower of the two counts, with a knee as sharp as the `limit_norm`-norm's.
    """

    bandwidth_bytes_per_s: float
    core_bytes_per_cycle: float
    limit_norm: float
    memory_mhz: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch(Provenance):
    """What each launched operation costs whatever its size: host seconds, and core cycles to fill the GPU."""

    launch_s: float
    fill_cycles: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLaw(Provenance):
    """How one kind of operation runs: shares of peak arithmetic and bandwidth, and of the dynamic power."""

    compute_efficiency: float
    memory_efficiency: float
    activity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Host(Provenance):
    """The host's CPU at wire codecs: bytes (read plus written) per second, seconds per pass, watts on top of idle."""

    cast_bytes_per_s: float
    jpeg_encode_bytes_per_s: float
    jpeg_decode_bytes_per_s: float
    overhead_s: float
    extra_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle(Provenance):
    """Idle draw at one memory clock, context loaded: `floor_w + core_w * (f / core_mhz) ** exponent`."""

    floor_w: float
    core_w: float
    core_mhz: float
    exponent: float
    memory_mhz: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy(Provenance):
    """Dynamic draw of the cores at activity 1: `knee_w * f/knee` up to the knee, `knee_w * (f/knee)**exponent` above.

    `stall_activity` and `launch_activity`: the activity while waiting for memory and for the next launch.
    """

    knee_w: float
    knee_mhz: float
    exponent: float
    stall_activity: float
    launch_activity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic(Provenance):
    """What moving one byte through the memory costs."""

    joules_per_byte: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLimit(Provenance):
    """The cap under which the device lowers its core clock by itself."""

    power_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermal(Provenance):
    """Resting temperature, and the clock forced at and above a limit."""

    temperature_c: float
    throttle_c: float
    throttle_mhz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle(Provenance):
    """How long until a new clock is in force."""

    core_s: float
    memory_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorLaw(Provenance):
    """The stock governor: floor clock after `idle_down_s` without work, a ladder step up per `ramp_step_s` of work.

    `idle_memory_mhz`: the memory clock that goes with the floor, where it falls as well.
    """

    idle_down_s: float
    ramp_step_s: float
    idle_memory_mhz: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterLaw(Provenance):
    """The energy counter: how often it changes, its unit, and the relative error of one period's joules."""

    period_s: float
    quantum_j: float
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(Provenance):
    """Relative standard deviations from run to run: of an execution's time, of a block's, of an execution's draw."""

    time: float
    block_time: float
    power: float
