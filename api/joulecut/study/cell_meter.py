"""Measures one cell on a device: the whole, a part, or every layer.

    [lease] warm up | back to back, between two ticks of the meter | idle | [restore]
                      -> latency, watts                              -> waiting watts

    under the governor the warm-up lasts until it has had `settle_s` seconds of work: no clock is held, it climbs

    layers          whole runs with a mark per layer | layer 0 alone ... | layer 1 alone ...
                    -> in_run_s                        -> alone_s, watts

- Windows are the profiler's. Without a meter there are times only.
- A layer's watts come from single executions where the device can tell so short a window apart (emulated ones can),
  else from a window back to back, else, where even that would take too many runs, they stay unknown.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

from joulecut.study.cells import CellResult, LayerTiming
from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, Lease
from joulecut_core.energy import EnergyWindow
from joulecut_core.timing import Clock
from joulecut_core.workloads import Workload
from joulecut_runtime.profiling.block_meter import BlockMeterPlan
from joulecut_runtime.profiling.meter_windows import busy_window, idle_window
from joulecut_runtime.profiling.run_times import spread, trimmed_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterPlan:
    """How long to measure. Windows last `window_periods` of the meter and `window_runs` runs at least.

    `warm_up`: untimed runs. `settle_s`: seconds of work before the governor is believed to have settled. `timed_s`:
    seconds of runs where there is no meter. `layer_runs`: whole runs with marks, and runs of each layer alone.
    """

    window_periods: int = 10
    window_runs: int = 10
    warm_up: int = 2
    settle_s: float = 1.0
    timed_s: float = 0.5
    layer_runs: int = 10


QUICK = MeterPlan(window_periods=5, window_runs=5, settle_s=0.3, timed_s=0.2, layer_runs=4)
"""For a first look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something to run: what it asks of a device, and the computation itself."""

    workload: Workload
    compute: Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayeredWork:
    """The same network whole and layer by layer; the steps run one after the other."""

    workload: Workload
    steps: tuple[Work, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A device, the clock it lives on, and who reads the host CPU's clock (None where nobody can)."""

    device: Device
    clock: Clock
    host_mhz: Callable[[], float | None]


class CellMeter:
    """Measures cells on one stand."""

    def __init__(self, stand: Stand, plan: MeterPlan) -> None:
        self._device = stand.device
        self._clock = stand.clock
        self._host_mhz = stand.host_mhz
        self._plan = plan

    def whole(self, work: Work, point: OperatingPoint | None, *, wait: bool) -> CellResult:
        """A network or part, back to back. `wait`: also the waiting draw at that clock.

        Raises DeviceError, ClockError or LeaseError where the device refuses.
        """
        run = self._runner(work)
        with self._held(point) as lease:
            self._warm_up(run, point)
            times_s, energy, window_s = self._window(run)
            host_mhz = self._host_mhz()
            state = self._device.state()
            achieved = state.point if lease is None else lease.achieved()
            wait_w = self._wait_w() if wait else None
        return CellResult(
            achieved=achieved,
            throttle=tuple(sorted(reason.value for reason in state.throttle)),
            runs=len(times_s),
            window_s=window_s,
            latency_s=trimmed_mean(times_s),
            latency_std_s=spread(times_s),
            power_w=None if energy is None else energy.power_w,
            power_std_w=None if energy is None else energy.power_std_w,
            wait_w=wait_w,
            host_mhz=host_mhz,
        )

    def layers(self, work: LayeredWork, point: OperatingPoint | None) -> CellResult:
        """Every layer; the cell's own figures are those of whole runs with a mark per layer."""
        with self._held(point) as lease:
            self._warm_up(lambda: self._marked(work)[-1], point)
            marked = [self._marked(work) for _ in range(self._plan.layer_runs)]
            alone = [self._alone(step) for step in work.steps]
            host_mhz = self._host_mhz()
            state = self._device.state()
            achieved = state.point if lease is None else lease.achieved()
        totals_s = [ends[-1] for ends in marked]
        in_run = [[end - begin for begin, end in pairwise((0.0, *ends))] for ends in marked]
        return CellResult(
            achieved=achieved,
            throttle=tuple(sorted(reason.value for reason in state.throttle)),
            runs=len(marked),
            window_s=sum(totals_s),
            latency_s=trimmed_mean(totals_s),
            latency_std_s=spread(totals_s),
            power_w=None,
            power_std_w=None,
            wait_w=None,
            host_mhz=host_mhz,
            layers=tuple(
                LayerTiming(in_run_s=trimmed_mean(each), alone_s=alone_s, power_w=power_w)
                for each, (alone_s, power_w) in zip(zip(*in_run, strict=True), alone, strict=True)
            ),
        )

    def _held(self, point: OperatingPoint | None) -> AbstractContextManager[Lease | None]:
        return nullcontext() if point is None else self._device.lease(point)

    def _warm_up(self, run: Callable[[], float], point: OperatingPoint | None) -> None:
        worked_s = 0.0
        for _ in range(self._plan.warm_up):
            worked_s += run()
        while point is None and worked_s < self._plan.settle_s:
            worked_s += run()

    def _window(self, run: Callable[[], float]) -> tuple[tuple[float, ...], EnergyWindow | None, float]:
        """Seconds of each run, joules, seconds of the window."""
        plan = self._plan
        if self._device.info.meter_period_s is None:
            times_s: list[float] = []
            while len(times_s) < plan.window_runs or sum(times_s) < plan.timed_s:
                times_s.append(run())
            return tuple(times_s), None, sum(times_s)
        window = busy_window(self._device, self._clock, run, periods=plan.window_periods, runs=plan.window_runs)
        return window.times_s, window.energy, window.energy.duration_s

    def _wait_w(self) -> float | None:
        if self._device.info.meter_period_s is None:
            return None
        return idle_window(self._device, self._clock, periods=self._plan.window_periods).power_w

    def _marked(self, work: LayeredWork) -> Sequence[float]:
        with self._device.execution(work.workload) as execution:
            for step in work.steps:
                step.compute()
                execution.mark()
        return execution.marks_s

    def _alone(self, step: Work) -> tuple[float, float | None]:
        """Mean seconds of a layer run by itself, and its watts where they can be had."""
        times_s: list[float] = []
        joules: list[float] = []
        for _ in range(self._plan.layer_runs):
            with self._device.execution(step.workload) as execution:
                step.compute()
            times_s.append(execution.elapsed_s)
            if execution.energy_j is not None:
                joules.append(execution.energy_j)
        alone_s = trimmed_mean(times_s)
        if len(joules) == len(times_s):
            return alone_s, statistics.fmean(joules) / statistics.fmean(times_s)
        period_s = self._device.info.meter_period_s
        periods = self._plan.window_periods
        if period_s is None or alone_s < BlockMeterPlan(window_periods=periods).shortest_block_s(period_s):
            return alone_s, None
        window = busy_window(self._device, self._clock, self._runner(step), periods=periods, runs=1)
        return alone_s, window.energy.power_w

    def _runner(self, work: Work) -> Callable[[], float]:
        def run() -> float:
            with self._device.execution(work.workload) as execution:
                work.compute()
            return execution.elapsed_s

        return run
