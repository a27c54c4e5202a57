"""The sweep: every network, batch size, engine and clock, cell by cell, through the journal.

for each network, for each batch size: capture
for each engine: the governor and every clock, in an order drawn from the seed      -> models.csv
every layer, eager: at the top clock and at the clock of the fewest joules          -> layers.csv
with parts: head and tail of the cuts at the top clock, for each engine             -> parts.csv
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from typing import Literal

from joulecut.study.benches import Bench, PartSide
from joulecut.study.cell_meter import CellMeter, MeterPlan, Work
from joulecut.study.cells import CellKey, CellResult
from joulecut.study.engine_names import EngineName
from joulecut.study.journal import StudyJournal
from joulecut.study.layers import Layer, layers_of
from joulecut.study.subjects import Subject
from joulecut_core.clocks import OperatingPoint
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.plan import span
from joulecut_runtime.profiling.progress import ProgressSink

_MOST_PART_CUTS = 8
_LAYER_PLACES = 2
"""The clocks at which layers are measured, at most."""

Place = Literal["default", "optimum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """What to sweep, the governor at all events. `points`: clocks to hold, ascending; none where none can be held."""

    batches: tuple[int, ...]
    engines: tuple[EngineName, ...]
    points: tuple[OperatingPoint, ...]
    parts: bool
    seed: int
    meter: MeterPlan

    @property
    def top(self) -> OperatingPoint | None:
        """The highest of the clocks; None, the governor, where none is held."""
        return self.points[-1] if self.points else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeCell:
    """A measured network."""

    network: str
    key: CellKey
    result: CellResult


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersCell:
    """The layers of a network at one clock."""

    network: str
    key: CellKey
    place: Place
    layers: tuple[Layer, ...]
    result: CellResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCell:
    """One part of a network."""

    network: str
    key: CellKey
    cut: int
    cut_name: str
    side: PartSide
    result: CellResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """All cells, in the order of networks, batches, engines and clocks (governor first, then ascending)."""

    wholes: tuple[WholeCell, ...]
    layers: tuple[LayersCell, ...]
    parts: tuple[PartCell, ...]


class Sweep:
    """One sweep of one bench."""

    def __init__(self, bench: Bench, plan: SweepPlan, journal: StudyJournal, progress: ProgressSink) -> None:
        self._bench = bench
        self._plan = plan
        self._journal = journal
        self._progress = progress
        self._done = 0
        self._total = 0

    def run(self, subjects: Sequence[Subject]) -> Swept:
        """Measure everything that the journal does not hold yet.

        Raises CaptureError for a network that cannot be captured, DeviceError where the device fails.
        """
        wholes: list[WholeCell] = []
        layers: list[LayersCell] = []
        parts: list[PartCell] = []
        per_batch = len(self._plan.engines) * (1 + len(self._plan.points)) + _LAYER_PLACES * self._has_layers
        self._total = len(subjects) * len(self._plan.batches) * (1 + per_batch)
        for subject in subjects:
            for batch in self._plan.batches:
                graph = subject.graph(batch)
                network = Network(graph)
                self._advance(f"{subject.name}, batch {batch}, captured")
                of_batch = self._wholes(subject.name, batch, network)
                wholes += of_batch
                if self._has_layers:
                    layers += self._layers(subject.name, graph, of_batch)
                if self._plan.parts:
                    parts += self._parts(subject.name, batch, network)
        return Swept(wholes=tuple(wholes), layers=tuple(layers), parts=tuple(parts))

    def _wholes(self, name: str, batch: int, network: Network) -> list[WholeCell]:
        cells = []
        for engine in self._plan.engines:
            digest, points = network.table.digest, (None, *self._plan.points)
            keys = [CellKey(digest=digest, batch=batch, engine=engine, point=point) for point in points]
            results = self._in_random_order(keys, cache(partial(self._bench.whole, network, engine)), name)
            cells += [WholeCell(network=name, key=key, result=results[key]) for key in keys]
        return cells

    def _in_random_order(
        self, keys: Sequence[CellKey], work: Callable[[], Work], name: str
    ) -> Mapping[CellKey, CellResult]:
        """One engine's cells; so that a device that warms up is not mistaken for one whose clocks differ."""
        order = list(keys)
        random.Random(f"{self._plan.seed} {keys[0]}").shuffle(order)  # noqa: S311 - an order, not a secret
        results: dict[CellKey, CellResult] = {}
        for key in order:

            def measure(meter: CellMeter, key: CellKey = key) -> CellResult:
                return meter.whole(work(), key.point, wait=key.point in (None, self._plan.top))

            results[key] = self._cell(key, measure)
            self._advance(f"{name}, batch {key.batch}, {key.engine.value}")
        return results

    def _layers(self, name: str, graph: Graph, wholes: Sequence[WholeCell]) -> list[LayersCell]:
        eager = [cell for cell in wholes if cell.key.engine is EngineName.EAGER]
        layers = layers_of(graph)
        work = cache(partial(self._bench.layered, graph, layers))
        cells = []
        for place, point in self._places(eager):

            def measure(meter: CellMeter, point: OperatingPoint | None = point) -> CellResult:
                return meter.layers(work(), point)

            key = replace(eager[0].key, point=point, what="layers")
            result = self._cell(key, measure)
            cells.append(LayersCell(network=name, key=key, place=place, layers=layers, result=result))
        self._advance(f"{name}, batch {eager[0].key.batch}, layers", steps=_LAYER_PLACES)
        return cells

    def _places(self, eager: Sequence[WholeCell]) -> list[tuple[Place, OperatingPoint | None]]:
        """The top clock, and the held clock of the fewest joules where that is another one and anybody can tell."""
        places: list[tuple[Place, OperatingPoint | None]] = [("default", self._plan.top)]
        metered = [
            (cell.result.energy_j, cell.key.point)
            for cell in eager
            if cell.result.energy_j is not None and cell.key.point is not None
        ]
        if metered:
            _, cheapest = min(metered, key=lambda pair: pair[0])
            if cheapest != self._plan.top:
                places.append(("optimum", cheapest))
        return places

    def _parts(self, name: str, batch: int, network: Network) -> list[PartCell]:
        table, top = network.table, self._plan.top
        cuts = span(range(1, table.last), _MOST_PART_CUTS)
        sides: tuple[PartSide, PartSide] = ("head", "tail")
        cells = []
        self._total += len(self._plan.engines) * len(cuts) * len(sides)
        for engine, cut, side in product(self._plan.engines, cuts, sides):

            def measure(
                meter: CellMeter, cut: int = cut, side: PartSide = side, engine: EngineName = engine
            ) -> CellResult:
                return meter.whole(self._bench.part(network, cut, side, engine), top, wait=False)

            key = CellKey(digest=table.digest, batch=batch, engine=engine, point=top, what=f"{side} {cut}")
            result = self._cell(key, measure)
            self._advance(f"{name}, batch {batch}, {engine.value}, {side} of cut {cut}")
            cells.append(
                PartCell(network=name, key=key, cut=cut, cut_name=table.cuts[cut].name, side=side, result=result)
            )
        return cells

    @property
    def _has_layers(self) -> bool:
        """Layers are measured eagerly or not at all: other engines fuse them."""
        return EngineName.EAGER in self._plan.engines

    def _cell(self, key: CellKey, measure: Callable[[CellMeter], CellResult]) -> CellResult:
        """The cell as the journal has it, or measured now and kept."""
        known = self._journal.get(key)
        if known is not None:
            return known
        with self._bench.stand(key) as stand:
            result = measure(CellMeter(stand, self._plan.meter))
        self._journal.add(key, result)
        return result

    def _advance(self, what: str, steps: int = 1) -> None:
        self._done += steps
        self._progress.advance(self._done, self._total, what)
