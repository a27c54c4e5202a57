"""A study from start to end: networks, device, sweep, rows, findings."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import torch

from joulecut.study.benches import Bench
from joulecut.study.cell_meter import MeterPlan
from joulecut.study.emulated_bench import EMULATED, EmulatedBench
from joulecut.study.engine_names import EngineName, available
from joulecut.study.evidence import Evidence
from joulecut.study.findings import judge
from joulecut.study.journal import JOURNAL_FILE, JournalHead, StudyJournal
from joulecut.study.layer_prices import price_layers
from joulecut.study.numbers import NumberBook
from joulecut.study.optima import optimum_rows
from joulecut.study.pricing import Pricing
from joulecut.study.real_bench import open_real_bench
from joulecut.study.rows import Study
from joulecut.study.subjects import Subject, find_subject
from joulecut.study.sweep import Sweep, SweepPlan
from joulecut.study.tabulation import engine_rows, layer_rows, model_rows, part_rows
from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ConfigError
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.progress import ProgressSink


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOrder:
    """What to study; see the options of `joulecut study`. `clocks`: text of `choose_points`."""

    networks: tuple[str, ...]
    inputs: tuple[str, ...]
    device: str
    batches: tuple[int, ...]
    clocks: str
    engines: tuple[EngineName, ...]
    parts: bool
    pricing: Pricing
    meter: MeterPlan
    seed: int


class StudyRun:
    """One study in the making; its journal lies in `folder` until `finish`."""

    def __init__(self, order: StudyOrder, folder: Path, *, resume: bool) -> None:
        """Raises ConfigError for a wrong order or a journal in the way, DeviceError where the device is not there."""
        self._order = order
        self.subjects: tuple[Subject, ...] = tuple(find_subject(name, order.inputs) for name in order.networks)
        names = [subject.name for subject in self.subjects]
        if len(set(names)) < len(names):
            raise ConfigError(
                f"networks {', '.join(names)}: a name comes twice; expected each once, since rows go by it"
            )
        for subject in self.subjects:
            for batch in order.batches:
                subject.check_batch(batch)
        self._bench: Bench = _open_bench(order)
        try:
            self._plan = _sweep_plan(order, self._bench)
            info = self._bench.info
            head = JournalHead(
                device=info.name,
                driver=info.driver,
                power_scope=info.power_scope,
                runtime=next(offer.basis for offer in self._bench.offers if offer.engine is EngineName.EAGER),
                plan=order.meter,
                seed=order.seed,
            )
            self._journal = StudyJournal(folder / JOURNAL_FILE, head, resume=resume)
        except BaseException:
            self._bench.close()
            raise

    @property
    def resumed(self) -> int:
        """Cells that an earlier run had measured."""
        return self._journal.resumed

    @property
    def kept(self) -> str:
        """What an interrupt leaves, in a few words."""
        return f"{len(self._journal)} measured cells are kept in {self._journal.path}"

    def measure(self, progress: ProgressSink) -> Study:
        """Sweep, then derive and judge. Closes the device, whatever happens.

        Raises CaptureError for a network that cannot be captured, DeviceError where the device fails.
        """
        with closing(self._bench) as bench:
            swept = Sweep(bench, self._plan, self._journal, progress).run(self.subjects)
        info, pricing = bench.info, self._order.pricing
        models = model_rows(swept.wholes, info, pricing)
        prices = price_layers(swept.layers, swept.wholes, info)
        layers, optima, book = layer_rows(swept.layers, info, prices), optimum_rows(models), NumberBook()
        findings = judge(
            Evidence(models=models, layers=layers, optima=optima), book, figures=info.figures, doubt=bench.doubt
        )
        return Study(
            device=self._order.device,
            device_name=info.name,
            figures=info.figures.value,
            power_scope=info.power_scope,
            driver=info.driver,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            weights=tuple(f"{subject.name}: {subject.weights}" for subject in self.subjects),
            revenue_name=pricing.model.name,
            revenue_formula=pricing.model.formula,
            slo_rule=pricing.slo_rule,
            remarks=(*bench.remarks, *([prices.remark] if prices.remark else [])),
            engines=engine_rows(bench.offers),
            models=models,
            layers=layers,
            parts=part_rows(swept.parts, info),
            optima=optima,
            numbers=book.rows,
            findings=findings,
        )

    def finish(self) -> None:
        """The results are written: forget the journal."""
        self._journal.remove()


def choose_points(text: str, table: ClockTable) -> tuple[OperatingPoint, ...]:
    """Operating points of a table: "all", how many core clocks to spread over it, or core clocks in MHz.

    A list has a comma, be it at its end. Of several memory clocks up to three are taken, the highest among them; a
    list is taken at the highest. Raises ConfigError for something else, ClockError for a clock that is not there.
    """
    if text == "all":
        return table.points
    words = [word.strip() for word in text.split(",")]
    try:
        if len(words) == 1:
            count = int(words[0])
            return ProfilePlan(core_clocks=count, many_core_clocks=count).points(table)
        wanted = {float(word) for word in (words if words[-1] else words[:-1])}
    except ValueError as cause:
        raise ConfigError(
            f"--clocks {text!r}; expected all, how many (12), or core clocks in MHz with a comma (540,945,1380)"
        ) from cause
    points = {table.find(OperatingPoint(core_mhz=core, memory_mhz=table.top.memory_mhz)) for core in wanted}
    return tuple(point for point in table.points if point in points)


def _open_bench(order: StudyOrder) -> Bench:
    if order.device.startswith(EMULATED):
        # Capturing is all that is computed here, and a second thread gains it nothing.
        torch.set_num_threads(1)
        return EmulatedBench(order.device, seed=order.seed)
    return open_real_bench(order.device)


def _sweep_plan(order: StudyOrder, bench: Bench) -> SweepPlan:
    return SweepPlan(
        batches=tuple(sorted(set(order.batches))),
        engines=available(bench.offers, order.engines),
        points=choose_points(order.clocks, bench.clock_table) if bench.holds_clocks else (),
        parts=order.parts,
        seed=order.seed,
        meter=order.meter,
    )
