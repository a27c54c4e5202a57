"""What a study measures, one cell at a time, and how a cell is known again after an interruption."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from joulecut.study.engine_names import EngineName
from joulecut_core.clocks import OperatingPoint


class ClockMode(str, Enum):
    """Who decides the clock of a cell."""

    GOVERNOR = "governor"
    """Nobody of ours: the device's own governor, as it is without joulecut."""
    HELD = "held"
    """A lease at one operating point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellKey:
    """Which cell: a network at a batch size, an engine, and a clock (None: the governor's).

    `what` is "whole", "layers", or "head 3" and "tail 3" for the parts of a cut.
    """

    digest: str
    batch: int
    engine: EngineName
    point: OperatingPoint | None
    what: str = "whole"

    @property
    def mode(self) -> ClockMode:
        """Who decides the clock."""
        return ClockMode.GOVERNOR if self.point is None else ClockMode.HELD

    def __str__(self) -> str:
        clock = "governor" if self.point is None else str(self.point)
        return f"{self.digest} batch {self.batch} {self.engine.value} {self.what} at {clock}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTiming:
    """One layer: mean seconds inside whole runs and alone, watts alone; None where it was too short to meter."""

    in_run_s: float
    alone_s: float
    power_w: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What was measured while one clock was in force.

    `power_w` and `wait_w` are None where nothing meters the device; `power_std_w` is the meter's standard uncertainty
    of `power_w`. `host_mhz`: the host CPU's clock meanwhile, where
    it can be read. `throttle`: reasons that the device gave for running below its clock.
    """

    achieved: OperatingPoint
    throttle: tuple[str, ...]
    runs: int
    window_s: float
    latency_s: float
    latency_std_s: float
    power_w: float | None
    power_std_w: float | None
    wait_w: float | None
    host_mhz: float | None
    layers: tuple[LayerTiming, ...] = ()

    @property
    def energy_j(self) -> float | None:
        """Joules of one run."""
        return None if self.power_w is None else self.power_w * self.latency_s
