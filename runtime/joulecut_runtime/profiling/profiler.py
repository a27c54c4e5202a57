"""Measures a network on a device: blocks, whole parts, watts busy and waiting, codecs, the stock governor.

    for each operating point, in an order drawn from the seed, or as a chooser says:
        lease, settle
        | warm up | block-timed runs | back to back ... | parts, each back to back | idle ... | codecs |
          2 x       n x whole, with    >= 10 periods of   heads or tails of the     >= 10      top
                    a mark per block   the meter: whole   cuts, lowest and highest  periods:   point
                    -> block_s         -> whole_s, busy_w core clock only           wait_w     only
                              ^                |
                              +- cool down <---+ too hot: once more
        restore
        into the journal
    then, for each request rate: requests at even intervals -> latency, mean draw
        without a lease, and at the clocks at which parts were measured

- Every time comes from `device.execution`, synchronised by the device; every watt from a window
  between two ticks of its meter. Blocks are timed inside whole runs, never alone.
- The order of clocks is random so that warming up is not mistaken for an effect of the clock. A chooser's
  order follows from what was measured; the points that carry parts and codecs come first.
- Waiting draw is taken at each held clock, weights and context loaded, after the device has been busy.
- Back to back says what a run costs; at a request period the board's own governor matters, and is measured,
  as is a held clock, whose draw between requests plans rest on.
- Means leave out the fastest and slowest tenth of the runs; standard deviations leave out nothing. Single
  runs are kept, so that quantiles can be taken.
- Achieved clocks are read back right after work, when a power cap would show, and kept beside those
  requested.
- Validity: a device without a meter is refused. A point at which the device gets too hot is measured again
  after a pause. One that still throttles is kept at the clock it achieved and logged.
- A journal keeps each point once it is complete. What an interrupted run had measured is not measured again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from itertools import pairwise
from typing import Literal

from torch import Tensor

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, Lease, ThrottleReason
from joulecut_core.errors import ConfigError
from joulecut_core.point_choice import PointChooser
from joulecut_core.profiles import (
    CodecMeasurement,
    GovernedMeasurement,
    PacedMeasurement,
    PartMeasurement,
    PointMeasurement,
    Profile,
    ProfileKey,
)
from joulecut_core.timing import Clock
from joulecut_core.workloads import Workload
from joulecut_runtime.engines import declared_on_host
from joulecut_runtime.profiling.codec_costs import measure_codec
from joulecut_runtime.profiling.governed_run import measure_governed
from joulecut_runtime.profiling.journal import PointRecord, ProfileJournal, UnfinishedProfile
from joulecut_runtime.profiling.measurable import MeasurableNetwork, MeasurablePart
from joulecut_runtime.profiling.meter_windows import BusyWindow, busy_window, idle_window, meter_period_s
from joulecut_runtime.profiling.paced_run import measure_paced
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.point_order import PlannedPoints
from joulecut_runtime.profiling.progress import ProgressSink, Silence
from joulecut_runtime.profiling.run_times import MOST_SAMPLES, spread, trimmed_mean
from joulecut_runtime.wires.codecs import codecs_for

_LOG = logging.getLogger(__name__)

Side = Literal["edge", "server"]


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
    chooser: PointChooser | None = None,
    journal: ProfileJournal | None = None,
) -> Profile:
    """A network's profile on one device; holds the device's clocks while it measures.

    `inputs`: one request of the network. An edge measures heads and encoding, a server tails and
    decoding. `chooser`: says which operating points are measured in place of the plan's, after those at
    which parts and codecs are. `journal`: keeps what is done, and has what an interrupted run had done;
    the caller removes it once the profile is saved. Raises DeviceError where the device has no meter or
    loses a clock, ConfigError for a rate that is not finite and positive or a chooser that repeats itself,
    ProfileError where the journal cannot be read or kept, before anything is measured where that is known by then.
    """
    meter_period_s(device)
    for rate_hz in governed_rates_hz:
        if not 0 < rate_hz < math.inf:
            raise ConfigError(f"governed rate is {rate_hz!r} Hz; expected a finite number above 0")
    plan, key = plan or ProfilePlan(), profile_key(network, device, side=side, engine=engine, precision=precision)
    unfinished = UnfinishedProfile(key=key, plan=plan, clock_table=device.clock_table.points)
    profiler = _Profiler(
        network=network,
        device=device,
        side=side,
        clock=clock,
        inputs=inputs,
        plan=plan,
        rates=len(governed_rates_hz),
        sink=progress or Silence(),
        before=unfinished if journal is None else journal.open(unfinished),
        journal=journal,
    )
    records = profiler.points(chooser)
    rated = [(profiler.governed(rate_hz), profiler.paced(rate_hz)) for rate_hz in governed_rates_hz]
    parts = (part for record in records for part in record.parts)
    return Profile(
        key=key,
        network=network.table.network,
        cut_names=tuple(cut.name for cut in network.table.cuts),
        clock_table=device.clock_table.points,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        figures=device.info.figures,
        points=tuple(record.point for record in records),
        parts=tuple(sorted(parts, key=lambda part: (part.cut, part.achieved.core_mhz))),
        codecs=tuple(codec for record in records for codec in record.codecs),
        governed=tuple(governed for governed, _ in rated),
        paced=tuple(each for _, paced in rated for each in paced),
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
        before: UnfinishedProfile,
        journal: ProfileJournal | None,
    ) -> None:
        self._before = before
        self._journal = journal
        self._network = network
        self._device = device
        self._side = side
        self._clock = clock
        self._plan = plan
        self._sink = sink
        self._crossing = [inputs]
        tensors = inputs
        specs = (*(cut.tensors for cut in network.table.cuts[1:-1]), network.table.outputs)
        for step, crossing in zip(network.steps(), specs, strict=True):
            tensors = step(tensors)
            self._crossing.append(declared_on_host(tensors, crossing))
        table = device.clock_table
        self._points = plan.points(table)
        self._part_points = plan.part_points(table)
        self._part_cuts = plan.part_cuts(network.table.last)
        self._total = rates * (1 + len(self._part_points))
        self._done = 0

    def points(self, chooser: PointChooser | None) -> tuple[PointRecord, ...]:
        """Measure every point of the plan, or those that are chosen; returns them in the clock table's order."""
        table, records = self._device.clock_table, list(self._before.points)
        # Parts and codecs hang on some points of the plan, so those are measured whoever chooses the others.
        wanted = self._points if chooser is None else (*self._part_points, table.top)
        planned = tuple(point for point in table.points if point in wanted)
        self._total += sum(map(self._steps, {*planned, *(record.point.requested for record in records)}))
        self._skip(sum(self._steps(record.point.requested) for record in records), "measured before")
        orders: list[PointChooser] = [PlannedPoints(planned, seed=self._plan.seed)]
        for order in orders if chooser is None else [*orders, chooser]:
            while (asked := order.next_point([record.point for record in records])) is not None:
                point = table.find(asked)
                if any(point == record.point.requested for record in records):
                    raise ConfigError(f"the point chooser asked for {point} again; expected a point not yet measured")
                if order is chooser:
                    self._total += self._steps(point)
                records.append(self._point(point))
                if self._journal is not None:
                    self._journal.add_point(records[-1])
        return tuple(sorted(records, key=lambda record: table.points.index(record.point.requested)))

    def governed(self, rate_hz: float) -> GovernedMeasurement:
        """The whole network at a request rate, no lease held."""
        for known in self._before.governed:
            if math.isclose(known.rate_hz, rate_hz):
                self._skip(1, "measured before")
                return known
        run = self._runner(self._network.whole, self._crossing[0])
        measurement = measure_governed(self._device, self._clock, run, rate_hz=rate_hz, plan=self._plan)
        if self._journal is not None:
            self._journal.add_governed(measurement)
        self._advance(f"governor at {rate_hz:g} Hz")
        return measurement

    def paced(self, rate_hz: float) -> tuple[PacedMeasurement, ...]:
        """The whole network at a request rate, at each clock at which parts are measured and that is fast enough."""
        held = [self._paced(point, rate_hz) for point in self._part_points]
        return tuple(each for each in held if each is not None)

    def _paced(self, point: OperatingPoint, rate_hz: float) -> PacedMeasurement | None:
        for known in self._before.paced:
            if known.requested == point and math.isclose(known.rate_hz, rate_hz):
                self._skip(1, "measured before")
                return known
        run = self._runner(self._network.whole, self._crossing[0])
        paced = measure_paced(self._device, self._clock, run, point=point, rate_hz=rate_hz, plan=self._plan)
        if paced is None:
            _LOG.info("%s is too slow for %g Hz at %s", self._device.info.name, rate_hz, point)
        elif self._journal is not None:
            self._journal.add_paced(paced)
        self._advance(f"{point} at {rate_hz:g} Hz")
        return paced

    def _steps(self, point: OperatingPoint) -> int:
        """How many times progress is told while a point is held."""
        steps = 1 + (len(self._part_cuts) if point in self._part_points else 0)
        if point != self._device.clock_table.top:
            return steps
        table = self._network.table
        return steps + sum(len(codecs_for(table, cut)) for cut in range(table.last))

    def _point(self, point: OperatingPoint) -> PointRecord:
        with self._device.lease(point) as lease:
            block_s, busy = self._whole()
            for _ in range(self._plan.remeasurements):
                if ThrottleReason.THERMAL not in self._device.state().throttle:
                    break
                _LOG.warning(
                    "%s got too hot at %s; measuring again after %g s",
                    self._device.info.name,
                    point,
                    self._plan.cool_down_s,
                )
                self._clock.sleep_until_s(self._clock.now_s() + self._plan.cool_down_s)
                block_s, busy = self._whole()
            achieved = self._achieved(lease)
            self._advance(f"{point}")
            cuts = self._part_cuts if point in self._part_points else ()
            parts = tuple(self._part(cut, lease) for cut in cuts)
            idle = idle_window(self._device, self._clock, periods=self._plan.window_periods)
            codecs = self._all_codecs(idle.power_w) if point == self._device.clock_table.top else ()
        measurement = PointMeasurement(
            requested=point,
            achieved=achieved,
            runs=len(busy.times_s),
            block_s=block_s,
            whole_s=trimmed_mean(busy.times_s),
            whole_std_s=spread(busy.times_s),
            busy_w=busy.energy.power_w,
            wait_w=idle.power_w,
            window_s=busy.energy.duration_s,
            samples_s=busy.times_s[-MOST_SAMPLES:],
            busy_std_w=busy.energy.power_std_w,
            wait_std_w=idle.power_std_w,
        )
        return PointRecord(point=measurement, parts=parts, codecs=codecs)

    def _whole(self) -> tuple[tuple[float, ...], BusyWindow]:
        """The whole network, warm: mean seconds of each block, then a window back to back."""
        run = self._runner(self._network.whole, self._crossing[0])
        for _ in range(self._plan.warm_up):
            run()
        block_s = self._block_s()
        periods, runs = self._plan.window_periods, self._plan.window_runs
        return block_s, busy_window(self._device, self._clock, run, periods=periods, runs=runs)

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

    def _part(self, cut: int, lease: Lease) -> PartMeasurement:
        """This side's part of one cut, back to back."""
        on_edge = self._side == "edge"
        part = self._network.head(cut) if on_edge else self._network.tail(cut)
        run = self._runner(part, self._crossing[0] if on_edge else self._crossing[cut])
        window = busy_window(
            self._device, self._clock, run, periods=self._plan.part_window_periods, runs=self._plan.part_window_runs
        )
        self._advance(f"part of cut {cut} at {lease.requested}")
        return PartMeasurement(
            cut=cut,
            achieved=lease.achieved(),
            runs=len(window.times_s),
            time_s=trimmed_mean(window.times_s),
            time_std_s=spread(window.times_s),
            busy_w=window.energy.power_w,
        )

    def _all_codecs(self, wait_w: float) -> tuple[CodecMeasurement, ...]:
        table, costs = self._network.table, []
        for cut in range(table.last):
            for each in codecs_for(table, cut):
                cost = measure_codec(
                    self._device,
                    self._clock,
                    each,
                    cut=cut,
                    tensors=self._crossing[cut],
                    specs=table.cuts[cut].tensors,
                    encodes=self._side == "edge",
                    wait_w=wait_w,
                    plan=self._plan,
                )
                costs.append(cost)
                self._advance(f"{each.name} at cut {cut}")
        return tuple(cost for cost in costs if cost is not None)

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
        self._skip(1, what)

    def _skip(self, steps: int, what: str) -> None:
        if steps:
            self._done += steps
            self._sink.advance(self._done, self._total, what)
