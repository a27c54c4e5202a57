"""What a simulation came to: one row for each run, and what all runs share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from joulecut_core.figures import FigureKind
from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import RejectReason
from joulecut_planner.serving.simulation.capacity import Capacity
from joulecut_planner.serving.simulation.recording import TimelineStep
from joulecut_planner.serving.simulation.report import ServingReport


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One policy under one load. What nothing was there for is None; joules are those of the table's power scope."""

    policy: str
    utilisation: float | None
    """Of the capacity, by the mean rate; None where all requests come at once."""
    rate_hz: float | None
    int8_speed_up: float | None
    """None: as the table has it."""
    requests: int
    on_time: int
    late: int
    rejected: int
    rejected_late: int
    rejected_full: int
    rejected_overload: int
    miss_rate: float
    energy_j: float
    busy_j: float
    idle_j: float
    switching_j: float
    energy_per_request_j: float | None
    """Per answer, the idle time included."""
    busy_energy_per_request_j: float | None
    """Per answer, without the draw between batches."""
    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    mean_accuracy: float | None
    mean_batch: float | None
    batches: int
    clock_changes: int
    duration_s: float
    busy_s: float
    idle_s: float
    switching_s: float
    decisions: int
    decision_p50_s: float | None
    decision_p99_s: float | None
    decision_max_s: float | None
    """Host seconds, of the machine that simulates: they differ from run to run."""
    host_s: float
    """Host seconds of the whole run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row, the answers that each variant gave, and what happened over time."""

    row: RunRow
    answers_by_variant: Mapping[str, int]
    timeline: tuple[TimelineStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFacts:
    """The trace as given, before it was scaled."""

    source: str
    requests: int
    span_s: float
    rate_hz: float | None
    gap_variation: float | None
    """Coefficient of variation of the gaps: 0 periodic, 1 Poisson; None without gaps."""
    edges: int
    link: str | None
    payload_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantFacts:
    """A variant of the service table. `alone_s`: seconds of a request by itself at the highest clock."""

    name: str
    accuracy: float
    accuracy_of: str
    figures: FigureKind
    alone_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What to know of the service table that all figures follow from. `units`, `points`: how many."""

    source: str
    network: str
    device: str
    power_scope: str
    units: int
    points: int
    lowest_core_mhz: float
    highest_core_mhz: float
    batches: tuple[int, ...]
    switch_s: float
    switch_j: float
    variants: tuple[VariantFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What no schedule in full precision can beat under one load, every arrival known beforehand."""

    utilisation: float | None
    rate_hz: float | None
    requests: int
    fewest_misses: int
    allowed_misses: int
    """1 % of the requests, or the fewest possible where that is more: what the joules are for."""
    least_energy_per_request_j: float | None
    """Joules per answer at least, the idle time included; None where nobody needs an answer."""
    least_busy_energy_per_request_j: float | None
    """The same without the draw between batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Everything that came out, and what it rests on."""

    trace: TraceFacts
    table: TableFacts
    slo_s: float
    capacity: Capacity
    accuracy_floor: float
    power_cap_w: float | None
    most_waiting: int
    most_per_edge: int | None
    seed: int
    remarks: tuple[str, ...]
    runs: tuple[Run, ...]
    bounds: tuple[Bound, ...] = ()
    """One for each load, where they were asked for."""

    @property
    def rows(self) -> tuple[RunRow, ...]:
        """The runs without what happened over time."""
        return tuple(run.row for run in self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What several policies were put under."""

    utilisation: float | None
    rate_hz: float | None
    int8_speed_up: float | None

    @property
    def text(self) -> str:
        """In a few words."""
        percent = None if self.utilisation is None else f"{100.0 * self.utilisation:.3g}%"
        share = "" if percent is None else f"{percent} utilisation, {self.rate_hz:.4g} requests/s"
        assumed = "" if self.int8_speed_up is None else f"INT8 assumed {self.int8_speed_up:g} times as fast"
        return ", ".join(part for part in (share or "all requests at once", assumed) if part)

    def holds(self, run: Run) -> bool:
        """Whether a run was under this load."""
        row = run.row
        return (row.utilisation, row.rate_hz, row.int8_speed_up) == (
            self.utilisation,
            self.rate_hz,
            self.int8_speed_up,
        )


def table_facts(table: ServiceTable, source: str) -> TableFacts:
    """The facts of a service table that came from `source`."""
    return TableFacts(
        source=source,
        network=table.network,
        device=table.device,
        power_scope=table.power_scope,
        units=len(table.units),
        points=len(table.points),
        lowest_core_mhz=table.points[0].core_mhz,
        highest_core_mhz=table.points[-1].core_mhz,
        batches=table.batches,
        switch_s=table.switch_s,
        switch_j=table.switch_j,
        variants=tuple(
            VariantFacts(
                name=variant.name,
                accuracy=variant.accuracy,
                accuracy_of=variant.accuracy_of,
                figures=variant.figures,
                alone_s=sum(unit[-1] for unit in variant.time_s[0]),
            )
            for variant in table.variants
        ),
    )


def runs_by_load(simulation: Simulation) -> Mapping[Load, tuple[Run, ...]]:
    """The runs under each load, in their order."""
    found = dict.fromkeys(
        Load(utilisation=row.utilisation, rate_hz=row.rate_hz, int8_speed_up=row.int8_speed_up)
        for row in simulation.rows
    )
    return {load: tuple(run for run in simulation.runs if load.holds(run)) for load in found}


def rejections(report: ServingReport) -> Mapping[RejectReason, int]:
    """Every reason with its count, 0 where there was none."""
    return {reason: report.rejected.get(reason, 0) for reason in RejectReason}


def known(value: float) -> float | None:
    """The value, or None for what is not a number."""
    return None if math.isnan(value) else value
