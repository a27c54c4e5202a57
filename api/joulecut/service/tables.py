"""Service tables made from a network and a device: what `joulecut simulate` and a live scheduler decide by.

    network, captured at each batch size ── units ── measured at each operating point ──▶ full precision
    network, calibrated and judged on inputs of known answer ───────────────────────────▶ accuracy of the variants

On an emulated device a variant takes full precision's time over an assumed speed-up, at full precision's watts, and
is labelled ESTIMATED. On a real one it is measured like full precision. A variant that is nowhere faster is left
out, and the table's notes say so: nothing would be gained by choosing it.

A table is kept under a key of all that it hangs on, and read again instead of being made twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from joulecut.networks.accuracy import FULL_PRECISION, Judgement, VariantAccuracy, VariantName, judge_variants
from joulecut.service.benches import Bench, open_bench
from joulecut.service.measurement import (
    ServicePlan,
    UnitFigures,
    idle_power_w,
    measure_units,
    unit_times_s,
)
from joulecut.service.subjects import ServedNetwork, served_network
from joulecut.service.units import unit_bounds, unit_names
from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind
from joulecut_core.service_tables import ServiceTable, ServiceVariant, UnitTable
from joulecut_planner.serving.service_file import SERVICE_SCHEMA, load_service_table, save_service_table
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.meter_windows import meter_period_s
from joulecut_runtime.profiling.plan import span
from joulecut_runtime.profiling.progress import ProgressSink, Silence
from joulecut_runtime.profiling.store import default_profile_folder
from joulecut_runtime.profiling.switching import switching_time_s
from joulecut_runtime.quantised.packed_weights import integer_obstacle
from joulecut_runtime.quantised.scales_file import scales_digest
from joulecut_runtime.wires.answers import has_answers

DEFAULT_BATCHES = (1, 2, 4, 8, 16, 32)
INT8_SPEED_UP = 2.0
"""Assumed of INT8 on an emulated GPU. Published of TensorRT: 2.2 at batch 1 to 3.4 at batch 32 (ResNet-50, V100),
2.9 at batch 128 (GoogLeNet, P40, Dell 2017); kept below the least of them, for networks that fill a GPU less."""
HALF_SPEED_UP = 1.3
"""Assumed of FP16 on an emulated GPU. Published of TensorRT: 1.3 at batch 1 to 3.5 at batch 32 (ResNet-50, V100)."""
_SPEED_UP_SOURCE = "assumed; published for TensorRT: FP16 1.3 to 3.5, INT8 2.2 to 3.4 (ResNet-50 on a V100)"
_MAKING = 1
"""Raised when the same order begins to give another table: one that was made before is then not read for it."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOrder:
    """What to make a table of. `network`: as `joulecut.service.subjects.served_network` takes it, with `inputs`.

    `batches`: None for 1 to 32, of a bundle for 1 alone. `most_points`: that many core clocks, spread over the ladder
    of the highest memory clock. `switch_s`: None to time changes of the clock.
    """

    network: str
    device: str
    inputs: tuple[str, ...] = ()
    batches: tuple[int, ...] | None = None
    most_units: int = 8
    most_points: int = 24
    int8_speed_up: float = INT8_SPEED_UP
    half_speed_up: float = HALF_SPEED_UP
    switch_s: float | None = None
    seed: int = 0
    plan: ServicePlan = field(default_factory=ServicePlan)
    options: DeviceOptions = field(default_factory=DeviceOptions)

    def __post_init__(self) -> None:
        if self.batches is not None and (self.batches[:1] != (1,) or list(self.batches) != sorted(set(self.batches))):
            raise ConfigError(f"batches: {self.batches}; expected batch sizes ascending from 1, such as 1,2,4,8")
        for name, count in (("most_units", self.most_units), ("most_points", self.most_points)):
            if count < 1:
                raise ConfigError(f"{name}: {count}; expected at least 1")
        for name, factor in (("int8_speed_up", self.int8_speed_up), ("half_speed_up", self.half_speed_up)):
            if not 0.0 < factor < float("inf"):
                raise ConfigError(f"{name}: {factor}; expected a finite number above 0")
        if self.switch_s is not None and not 0.0 <= self.switch_s < float("inf"):
            raise ConfigError(f"switch_s: {self.switch_s}; expected at least 0 seconds")


def provide_service_table(
    order: ServiceOrder, *, progress: ProgressSink | None = None, folder: Path | None = None
) -> ServiceTable:
    """The table of an order, from `folder` (by default the user's cache) or made now and kept there.

    Making it holds the device's clocks. Raises ConfigError, CaptureError, BundleError or DeviceError with the remedy,
    ProfileError where a kept table is damaged.
    """
    served = served_network(order.network, order.inputs, seed=order.seed)
    if served.only_batch not in {None, 1}:
        raise ConfigError(
            f"{order.network} was captured at batch {served.only_batch}; expected batch 1, where every service table "
            "begins: pack it so, or give its factory (package.module:factory), which is captured at every batch size"
        )
    if order.batches is None:
        order = replace(order, batches=DEFAULT_BATCHES if served.only_batch is None else (1,))
    bench = open_bench(order.device, seed=order.seed, options=order.options)
    try:
        maker = _Maker(order, served, bench, progress or Silence())
        path = (folder or default_profile_folder().parent / "service") / maker.file_name()
        if path.is_file():
            _LOG.info("using the service table %s", path)
            return load_service_table(path)
        table = maker.table()
    finally:
        bench.device.close()
    save_service_table(table, path)
    _LOG.info("kept the service table in %s", path)
    return table


class _Maker:
    """One table in the making."""

    def __init__(self, order: ServiceOrder, served: ServedNetwork, bench: Bench, sink: ProgressSink) -> None:
        meter_period_s(bench.device)
        self._order = order
        self._served = served
        self._bench = bench
        self._sink = sink
        self._batches = order.batches or DEFAULT_BATCHES
        top = bench.device.clock_table.top
        clocks_mhz = bench.device.clock_table.core_clocks_mhz(top.memory_mhz)
        self._points = tuple(
            OperatingPoint(core_mhz=core_mhz, memory_mhz=top.memory_mhz)
            for core_mhz in span(clocks_mhz, order.most_points)
        )
        self._total = len(self._batches) + 1 + len(self._points)
        self._done = 0
        self._notes: list[str] = []
        self._alone = self._captured(1)

    def file_name(self) -> str:
        """The file that the table is kept in: the same for whatever gives the same table."""
        info, scales = self._bench.device.info, self._served.scales
        key = {
            "schema": SERVICE_SCHEMA,
            "making": _MAKING,
            "network": self._alone.table.digest,
            "scales": None if scales is None else scales_digest(scales),
            "device": [info.name, info.driver, info.power_scope],
            "order": encode(self._order),
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
        slug = re.sub(r"[^a-z0-9.]+", "-", f"{self._alone.table.network} {info.name}".lower()).strip("-.")
        return f"{slug[:80]}-{digest}.json"

    def table(self) -> ServiceTable:
        """Measure everything."""
        device, bench = self._bench.device, self._bench
        networks = {batch: self._alone if batch == 1 else self._captured(batch) for batch in self._batches}
        bounds = self._bounds()
        judgement = self._judged()
        names = [accuracy.name for accuracy in judgement.accuracies]
        computed = names if bench.measures_variants else names[:1]
        works = {
            (name, batch): bench.work(network, bounds, name, judgement.scales)
            for name in computed
            for batch, network in networks.items()
        }
        figures: dict[tuple[OperatingPoint, VariantName, int], UnitFigures] = {}
        idle_w: dict[OperatingPoint, float] = {}
        order = list(self._points)
        random.Random(self._order.seed).shuffle(order)  # noqa: S311 - an order, not a secret
        for point in order:
            with device.lease(point) as lease:
                for (name, batch), work in works.items():
                    figures[point, name, batch] = measure_units(device, bench.clock, work, self._order.plan)
                achieved = lease.achieved()
                idle_w[point] = idle_power_w(device, bench.clock, self._order.plan)
            if not achieved.matches(point):
                self._notes.append(f"at {point} it ran at {achieved}")
            self._advance(str(point))
        variants = [self._variant(accuracy, figures) for accuracy in judgement.accuracies]
        return ServiceTable(
            network=self._served.subject.name,
            device=device.info.name,
            power_scope=device.info.power_scope,
            units=unit_names(self._alone.table, bounds),
            points=self._points,
            batches=self._batches,
            idle_w=tuple(idle_w[point] for point in self._points),
            variants=tuple(self._faster(variants)),
            switch_s=self._switch_s(),
            notes=tuple(self._notes),
        )

    def _captured(self, batch: int) -> Network:
        self._served.subject.check_batch(batch)
        network = Network(self._served.subject.graph(batch))
        names = [cut.name for cut in network.table.cuts]
        if batch > 1 and names != [cut.name for cut in self._alone.table.cuts]:
            raise ConfigError(
                f"{self._served.subject.name} has other cuts at batch {batch} than at batch 1; expected the same: "
                "serve it at batch 1 only"
            )
        self._advance(f"captured at batch {batch}")
        return network

    def _bounds(self) -> tuple[int, ...]:
        """Where units begin, by the times of single blocks at batch 1 and the highest clock."""
        device, every = self._bench.device, range(self._alone.table.last + 1)
        work = self._bench.work(self._alone, every, VariantName.FP32, None)
        with device.lease(self._points[-1]):
            times_s = unit_times_s(device, work, self._order.plan)
        return unit_bounds(self._alone.table, times_s, self._order.most_units)

    def _judged(self) -> Judgement:
        wanted, evidence = self._bench.variants, self._served.evidence_of(self._alone.table.inputs)
        obstacle = integer_obstacle()
        if obstacle is not None and VariantName.INT8 in wanted:
            wanted = tuple(name for name in wanted if name is not VariantName.INT8)
            self._notes.append(f"int8 left out: its accuracy cannot be measured here: {obstacle}")
        if evidence is None or not has_answers(self._alone.table.outputs[0].shape):
            left = ", ".join(name.value for name in wanted[1:])
            self._notes.append(f"{left} left out: there is nothing to judge the accuracy of this network's variants by")
            return Judgement(accuracies=(FULL_PRECISION,), scales=None)
        judgement = judge_variants(self._alone, evidence, wanted, scales=self._served.scales)
        if judgement.scales is not None:
            self._notes.append(
                f"int8: {len(judgement.scales.kernels)} operators in integers, "
                f"calibrated on {judgement.scales.calibrated_on}"
            )
        self._advance("variants judged")
        return judgement

    def _variant(
        self, accuracy: VariantAccuracy, figures: Mapping[tuple[OperatingPoint, VariantName, int], UnitFigures]
    ) -> ServiceVariant:
        """A variant as measured, or as assumed from full precision's figures."""
        name = accuracy.name
        is_measured = name is VariantName.FP32 or self._bench.measures_variants
        source, speed_up, kind = name, 1.0, self._bench.device.info.figures
        if not is_measured:
            source, speed_up, kind = VariantName.FP32, self._speed_up(name), FigureKind.ESTIMATED
            self._notes.append(f"{name.value}: {speed_up:g} times as fast as fp32 at fp32's watts, {_SPEED_UP_SOURCE}")
        rows = [[figures[point, source, batch] for point in self._points] for batch in self._batches]
        return ServiceVariant(
            name=name.value,
            accuracy=accuracy.accuracy,
            accuracy_of=accuracy.accuracy_of,
            time_s=_by_unit([[_scaled(each.time_s, 1.0 / speed_up) for each in row] for row in rows]),
            busy_w=_by_unit([[each.busy_w for each in row] for row in rows]),
            figures=kind,
        )

    def _speed_up(self, name: VariantName) -> float:
        return self._order.int8_speed_up if name is VariantName.INT8 else self._order.half_speed_up

    def _faster(self, variants: Sequence[ServiceVariant]) -> list[ServiceVariant]:
        """The reference, and the variants that are faster at some batch size and the highest clock."""
        reference, *others = variants
        kept = [reference]
        for variant in others:
            shares = {
                batch: _top_s(variant, index) / _top_s(reference, index) for index, batch in enumerate(self._batches)
            }
            if min(shares.values()) < 1.0:
                kept.append(variant)
                continue
            said = ", ".join(f"{share:.2f} at batch {batch}" for batch, share in shares.items())
            self._notes.append(f"{variant.name} left out: it is not faster here; its time over fp32's is {said}")
            _LOG.warning("%s", self._notes[-1])
        return kept

    def _switch_s(self) -> float:
        rest = "switch_j: not metered, taken as none beyond the idle draw"
        if self._order.switch_s is not None:
            self._notes.append(f"switch_s: as ordered; {rest}")
            return self._order.switch_s
        device = self._bench.device
        with device.lease(self._points[-1]) as lease:
            taken_s = switching_time_s(lease, self._bench.clock, self._points, moves=self._order.plan.moves)
        basis = device.info.notes.get("settle")
        emulated = "" if basis is None else f" ({device.info.figures.value}; {basis})"
        self._notes.append(f"switch_s: timed until the new clock held{emulated}; {rest}")
        return taken_s

    def _advance(self, what: str) -> None:
        self._done += 1
        self._sink.advance(self._done, self._total, what)


def _by_unit(rows: Sequence[Sequence[tuple[float, ...]]]) -> UnitTable:
    """`[batch][point][unit]` as `[batch][unit][point]`."""
    return tuple(tuple(zip(*row, strict=True)) for row in rows)


def _scaled(values: Sequence[float], factor: float) -> tuple[float, ...]:
    return tuple(value * factor for value in values)


def _top_s(variant: ServiceVariant, batch: int) -> float:
    return sum(unit[-1] for unit in variant.time_s[batch])
