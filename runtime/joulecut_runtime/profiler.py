"""Measures a network on a device: blocks, whole parts, watts busy and waiting, codecs, the stock governor.

    for each operating point, in an order drawn from the seed:
        lease, settle
        | warm up | block-timed runs | back to back ... | parts, each back to back | idle ... | codecs |
                    n x whole, with    >= 10 periods of   heads or tails of the     >= 10      top
                    a mark per block   the meter: whole   cuts, lowest and highest  periods:   point
                    -> block_s         -> whole_s, busy_w core clock only           wait_w     only
        restore
    then, without a lease, for each request rate: requests at even intervals -> latency, mean draw

- Every time comes from `device.execution`, synchronised by the device; every watt from a window
  between two ticks of its meter. Blocks are timed inside whole runs, never alone.
- The order of clocks is random so that warming up is not mistaken for an effect of the clock.
- Means leave out the fastest and slowest tenth of the runs; standard deviations leave out nothing.
- Achieved clocks are read back right after work, when a power cap would show, and kept beside those
  requested.
- Validity: a device without a meter is refused. A point that throttled is kept at the clock it
  achieved and logged.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from itertools import pairwise
from typing import Literal

from torch import Tensor

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, Lease
from joulecut_core.errors import ConfigError, ContractError
from joulecut_core.profiles import (
    CodecMeasurement,
    GovernedMeasurement,
    PartMeasurement,
    PointMeasurement,
    Profile,
    ProfileKey,
)
from joulecut_core.timing import Clock
from joulecut_core.workloads import Workload
from joulecut_runtime.codecs import Codec, codecs_for
from joulecut_runtime.governed_run import measure_governed
from joulecut_runtime.measurable import MeasurableNetwork, MeasurablePart
from joulecut_runtime.meter_windows import busy_window, idle_window, meter_period_s
from joulecut_runtime.profile_plan import ProfilePlan
from joulecut_runtime.progress import ProgressSink, Silence
from joulecut_runtime.run_times import spread, trimmed_mean

_LOG = logging.getLogger(__name__)

Side = Literal["edge", "server"]

_MOST_SAMPLES = 512
"""Single runs kept of each point: enough for a tail over all points, and some 15 kB each in the file."""


def profile_network(
    network: MeasurableNetwork,
    device: Device,
    *,
    side: Side,
    clock: Clock,
    inputs: tuple[Tensor, ...],
    plan: ProfilePlan | None = None,
    engine: str = "eager",
    precision: str = "fp32",
    governed_rates_hz: Sequence[float] = (),
    progress: ProgressSink | None = None,
) -> Profile:
    """A network's profile on one device; holds the device's clocks while it measures.

    `inputs`: one request of the network. An edge measures heads and encoding, a server tails and
    decoding. Raises DeviceError where the device has no meter or loses a clock, ConfigError for a
    rate that is not positive.
    """
    meter_period_s(device)
    for rate_hz in governed_rates_hz:
        if not rate_hz > 0:
            raise ConfigError(f"governed rate is {rate_hz!r} Hz; expected more than 0")
    profiler = _Profiler(
        network=network,
        device=device,
        side=side,
        clock=clock,
        inputs=inputs,
        plan=plan or ProfilePlan(),
        rates=len(governed_rates_hz),
        sink=progress or Silence(),
    )
    points = profiler.points()
    governed = tuple(profiler.governed(rate_hz) for rate_hz in governed_rates_hz)
    return Profile(
        key=profile_key(network, device, side=side, engine=engine, precision=precision),
        network=network.table.network,
        cut_names=tuple(cut.name for cut in network.table.cuts),
        clock_table=device.clock_table.points,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        figures=device.info.figures,
        points=points,
        parts=tuple(sorted(profiler.parts, key=lambda part: (part.cut, part.achieved.core_mhz))),
        codecs=tuple(profiler.codecs),
        governed=governed,
    )


def profile_key(
    network: MeasurableNetwork, device: Device, *, side: Side, engine: str = "eager", precision: str = "fp32"
) -> ProfileKey:
    """What a profile of this network on this device belongs to."""
    shape = network.table.inputs[0].shape
    return ProfileKey(
        device=device.info.name,
        driver=device.info.driver,
        power_scope=device.info.power_scope,
        network_digest=network.table.digest,
        side=side,
        engine=engine,
        precision=precision,
        batch=shape[0] if shape else 1,
    )


class _Profiler:
    """One profile in the making."""

    def __init__(
        self,
        *,
        network: MeasurableNetwork,
        device: Device,
        side: Side,
        clock: Clock,
        inputs: tuple[Tensor, ...],
        plan: ProfilePlan,
        rates: int,
        sink: ProgressSink,
    ) -> None:
        self.parts: list[PartMeasurement] = []
        self.codecs: list[CodecMeasurement] = []
        self._network = network
        self._device = device
        self._side = side
        self._clock = clock
        self._plan = plan
        self._sink = sink
        self._crossing = [inputs]
        for step in network.steps():
            self._crossing.append(step(self._crossing[-1]))
        table = device.clock_table
        self._points = plan.points(table)
        self._part_points = plan.part_points(table)
        self._part_cuts = plan.part_cuts(network.table.last)
        offered = sum(len(codecs_for(network.table, cut)) for cut in range(network.table.last))
        self._total = len(self._points) + len(self._part_points) * len(self._part_cuts) + offered + rates
        self._done = 0

    def points(self) -> tuple[PointMeasurement, ...]:
        """Measure every point; returns them in the clock table's order."""
        order = list(self._points)
        random.Random(self._plan.seed).shuffle(order)  # noqa: S311 - an order, not a secret
        measured = {point: self._point(point) for point in order}
        return tuple(measured[point] for point in self._points)

    def governed(self, rate_hz: float) -> GovernedMeasurement:
        """The whole network at a request rate, no lease held."""
        run = self._runner(self._network.whole, self._crossing[0])
        measurement = measure_governed(self._device, self._clock, run, rate_hz=rate_hz, plan=self._plan)
        self._advance(f"governor at {rate_hz:g} Hz")
        return measurement

    def _point(self, point: OperatingPoint) -> PointMeasurement:
        run = self._runner(self._network.whole, self._crossing[0])
        with self._device.lease(point) as lease:
            for _ in range(self._plan.warm_up):
                run()
            block_s = self._block_s()
            busy = busy_window(
                self._device, self._clock, run, periods=self._plan.window_periods, runs=self._plan.window_runs
            )
            achieved = self._achieved(lease)
            self._advance(f"{point}")
            if point in self._part_points:
                for cut in self._part_cuts:
                    self._part(cut, lease)
            idle = idle_window(self._device, self._clock, periods=self._plan.window_periods)
            if point == self._device.clock_table.top:
                self._all_codecs(idle.power_w)
        return PointMeasurement(
            requested=point,
            achieved=achieved,
            runs=len(busy.times_s),
            block_s=block_s,
            whole_s=trimmed_mean(busy.times_s),
            whole_std_s=spread(busy.times_s),
            busy_w=busy.energy.power_w,
            wait_w=idle.power_w,
            window_s=busy.energy.duration_s,
            samples_s=busy.times_s[-_MOST_SAMPLES:],
        )

    def _block_s(self) -> tuple[float, ...]:
        """Mean seconds of each block inside whole runs."""
        runs: list[list[float]] = []
        steps = self._network.steps()
        for _ in range(self._plan.repetitions):
            tensors = self._crossing[0]
            with self._device.execution(self._network.whole.workload) as execution:
                for step in steps:
                    tensors = step(tensors)
                    execution.mark()
            runs.append([end_s - begin_s for begin_s, end_s in pairwise((0.0, *execution.marks_s))])
        return tuple(trimmed_mean(block) for block in zip(*runs, strict=True))

    def _part(self, cut: int, lease: Lease) -> None:
        """This side's part of one cut, back to back."""
        on_edge = self._side == "edge"
        part = self._network.head(cut) if on_edge else self._network.tail(cut)
        run = self._runner(part, self._crossing[0] if on_edge else self._crossing[cut])
        window = busy_window(
            self._device, self._clock, run, periods=self._plan.part_window_periods, runs=self._plan.part_window_runs
        )
        self.parts.append(
            PartMeasurement(
                cut=cut,
                achieved=lease.achieved(),
                runs=len(window.times_s),
                time_s=trimmed_mean(window.times_s),
                time_std_s=spread(window.times_s),
                busy_w=window.energy.power_w,
            )
        )
        self._advance(f"part of cut {cut} at {lease.requested}")

    def _all_codecs(self, wait_w: float) -> None:
        table = self._network.table
        for cut in range(table.last):
            for each in codecs_for(table, cut):
                measurement = self._codec(cut, each, wait_w)
                if measurement is not None:
                    self.codecs.append(measurement)
                self._advance(f"{each.name} at cut {cut}")

    def _codec(self, cut: int, using: Codec, wait_w: float) -> CodecMeasurement | None:
        """Seconds and extra watts of this side's half of a codec; None where it cannot carry these tensors."""
        tensors, specs = self._crossing[cut], self._network.table.cuts[cut].tensors
        try:
            encoded = using.encode(tensors)
        except ContractError as error:
            _LOG.warning("%s is not offered at cut %d: %s", using.name, cut, error)
            return None
        times_s: list[float] = []
        energies_j: list[float | None] = []

        def run() -> float:
            workload = using.encode_workload(specs) if self._side == "edge" else using.decode_workload(specs)
            with self._device.execution(workload) as execution:
                if self._side == "edge":
                    using.encode(tensors)
                else:
                    using.decode(encoded)
            times_s.append(execution.elapsed_s)
            energies_j.append(execution.energy_j)
            return execution.elapsed_s

        for _ in range(self._plan.codec_runs):
            run()
        return CodecMeasurement(
            cut=cut,
            codec=using.name,
            time_s=trimmed_mean(times_s),
            time_std_s=spread(times_s),
            extra_w=max(0.0, self._mean_w(run, times_s, energies_j) - wait_w),
        )

    def _mean_w(self, run: Callable[[], float], times_s: list[float], energies_j: list[float | None]) -> float:
        """Draw during runs, from their own joules where the device can tell, else from a window of the meter."""
        known_j = [energy_j for energy_j in energies_j if energy_j is not None]
        if len(known_j) == len(times_s) and sum(times_s) > 0:
            return sum(known_j) / sum(times_s)
        periods, runs = self._plan.part_window_periods, self._plan.codec_runs
        return busy_window(self._device, self._clock, run, periods=periods, runs=runs).energy.power_w

    def _achieved(self, lease: Lease) -> OperatingPoint:
        achieved = lease.achieved()
        throttle = self._device.state().throttle
        if throttle or not achieved.matches(lease.requested):
            reasons = ", ".join(sorted(reason.value for reason in throttle)) or "no reason given"
            _LOG.warning("%s ran at %s instead of %s (%s)", self._device.info.name, achieved, lease.requested, reasons)
        return achieved

    def _runner(self, part: MeasurablePart, tensors: tuple[Tensor, ...]) -> Callable[[], float]:
        workload: Workload = part.workload

        def run() -> float:
            with self._device.execution(workload) as execution:
                part(tensors)
            return execution.elapsed_s

        return run

    def _advance(self, what: str) -> None:
        self._done += 1
        self._sink.advance(self._done, self._total, what)
