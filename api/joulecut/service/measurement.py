"""Seconds and watts of batches on a device, unit by unit, through what every device offers.

- Seconds of a unit are those between marks inside whole runs, as it will be served.
- Watts of a unit are its own, run alone: the execution's joules where the device can tell so short a window apart,
  else a window of its meter, back to back.
- Idle watts are drawn at held clocks.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.timing import Clock
from joulecut_core.workloads import Operation, Workload
from joulecut_runtime.profiling.meter_windows import busy_window, idle_window
from joulecut_runtime.profiling.run_times import trimmed_mean
from joulecut_runtime.profiling.switching import MOVES


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """How often and how long: `repetitions` of whole runs and of units alone, after `warm_up` runs that do not count.

    Windows last `window_periods` of the meter; a clock is changed `moves` times.
    """

    repetitions: int = 10
    warm_up: int = 1
    window_periods: int = 10
    moves: int = MOVES

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), 0 if field.name == "warm_up" else 1
            if value < least:
                raise ConfigError(f"service plan: {field.name} is {value}; expected at least {least}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchWork:
    """One batch of a network in units: what each asks of a device, and what computes it. Units run in order."""

    operations: tuple[tuple[Operation, ...], ...]
    runs: tuple[Callable[[], None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFigures:
    """Mean seconds and watts of each unit."""

    time_s: tuple[float, ...]
    busy_w: tuple[float, ...]


def unit_times_s(device: Device, work: BatchWork, plan: ServicePlan) -> tuple[float, ...]:
    """Seconds of each unit inside whole runs, at the clocks in force."""
    workload = Workload(blocks=work.operations)
    runs: list[tuple[float, ...]] = []
    for _ in range(plan.warm_up + plan.repetitions):
        with device.execution(workload) as execution:
            for run in work.runs:
                run()
                execution.mark()
        runs.append(tuple(end - begin for begin, end in pairwise((0.0, *execution.marks_s))))
    return tuple(trimmed_mean(unit) for unit in zip(*runs[plan.warm_up :], strict=True))


def measure_units(device: Device, clock: Clock, work: BatchWork, plan: ServicePlan) -> UnitFigures:
    """Seconds and watts of each unit at the clocks in force. Raises DeviceError where the device has no meter."""
    times_s = unit_times_s(device, work, plan)
    watts = [
        _power_w(device, clock, Workload(blocks=(operations,)), run, plan)
        for operations, run in zip(work.operations, work.runs, strict=True)
    ]
    return UnitFigures(time_s=times_s, busy_w=tuple(watts))


def idle_power_w(device: Device, clock: Clock, plan: ServicePlan) -> float:
    """Watts at the clocks in force while nothing runs."""
    return idle_window(device, clock, periods=plan.window_periods).power_w


def _power_w(device: Device, clock: Clock, workload: Workload, run: Callable[[], None], plan: ServicePlan) -> float:
    energy_j = time_s = 0.0

    def once() -> float:
        nonlocal energy_j, time_s
        with device.execution(workload) as execution:
            run()
        energy_j += math.nan if execution.energy_j is None else execution.energy_j
        time_s += execution.elapsed_s
        return execution.elapsed_s

    for _ in range(plan.repetitions):
        once()
        if math.isnan(energy_j):
            return busy_window(device, clock, once, periods=plan.window_periods, runs=plan.repetitions).energy.power_w
    if not time_s > 0.0:
        raise DeviceError(f"{device.info.name} took no time for a unit; expected units of some work each")
    return energy_j / time_s
