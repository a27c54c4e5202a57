"""A simulation as a document, and back from one, and as a folder of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joulecut.reports.document import still_page, stills
from joulecut.reproduction.sheets import csv_text, record
from joulecut.simulation.page import simulation_report
from joulecut.simulation.rows import Bound, Run, RunRow, Simulation, TableFacts, TraceFacts, known
from joulecut_core.decoding import check_schema, decode, encode, keyed_object, listed
from joulecut_core.documents import cannot_write, write_bytes
from joulecut_core.errors import ConfigError
from joulecut_planner.serving.simulation.capacity import Capacity
from joulecut_planner.serving.simulation.recording import TimelineStep

SCHEMA = "joulecut.simulation/1"

_ANSWERS = "answers_by_variant"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """One step of one run, as in timeline.csv."""

    policy: str
    utilisation: float | None
    int8_speed_up: float | None
    start_s: float
    arrivals: int
    answered: int
    late: int
    rejected: int
    busy_share: float | None
    power_w: float | None
    core_mhz: float | None
    batch: float | None
    full_precision_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """The document without its runs."""

    schema: str
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
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    answers_by_variant: Mapping[str, int]


def document(simulation: Simulation) -> Mapping[str, object]:
    """Every number but those over time, for JSON."""
    return {
        "schema": SCHEMA,
        "trace": record(simulation.trace),
        "table": encode(simulation.table),
        "slo_s": simulation.slo_s,
        "capacity": record(simulation.capacity),
        "accuracy_floor": simulation.accuracy_floor,
        "power_cap_w": simulation.power_cap_w,
        "most_waiting": simulation.most_waiting,
        "most_per_edge": simulation.most_per_edge,
        "seed": simulation.seed,
        "remarks": list(simulation.remarks),
        "bounds": [record(bound) for bound in simulation.bounds],
        "runs": [{**record(run.row), _ANSWERS: dict(run.answers_by_variant)} for run in simulation.runs],
    }


def from_document(data: Mapping[str, object]) -> Simulation:
    """The simulation that `document` made `data` of, without what happened over time. Raises ConfigError."""
    check_schema(data, SCHEMA, ConfigError)
    rest = decode(_Saved, {key: value for key, value in data.items() if key != "runs"}, error=ConfigError)
    runs = listed(data.get("runs"), error=ConfigError, path="runs")
    return Simulation(
        trace=rest.trace,
        table=rest.table,
        slo_s=rest.slo_s,
        capacity=rest.capacity,
        accuracy_floor=rest.accuracy_floor,
        power_cap_w=rest.power_cap_w,
        most_waiting=rest.most_waiting,
        most_per_edge=rest.most_per_edge,
        seed=rest.seed,
        remarks=rest.remarks,
        runs=tuple(_run(each, f"runs[{index}]") for index, each in enumerate(runs)),
        bounds=rest.bounds,
    )


def write_folder(simulation: Simulation, folder: Path) -> tuple[Path, ...]:
    """CSV files, plots and `index.html`, each whole or not at all; plots of more loads, from before, are removed.

    Raises ConfigError where they cannot be.
    """
    report = simulation_report(simulation)
    files = {
        "runs.csv": csv_text(simulation.rows).encode(),
        "timeline.csv": csv_text([_row(run, step) for run in simulation.runs for step in run.timeline]).encode(),
    }
    drawn = stills(report)
    files |= {f"{name}.png": png for name, png in drawn.items()}
    files["index.html"] = still_page(report, drawn).encode()
    try:
        for name, content in files.items():
            write_bytes(folder / name, content)
        for path in folder.glob("timeline-*.png"):
            # Of loads that a simulation before this one had: nobody could tell.
            if path.name not in files and path.stem.removeprefix("timeline-").isdecimal():
                path.unlink(missing_ok=True)
    except OSError as cause:
        raise cannot_write(f"--out {folder}: cannot be written: {cause}", cause, ConfigError) from cause
    return tuple(folder / name for name in files)


def _run(data: object, path: str) -> Run:
    columns = (*RunRow.__dataclass_fields__, _ANSWERS)
    found = keyed_object(data, columns, required=columns, error=ConfigError, path=path)
    row = {key: value for key, value in found.items() if key != _ANSWERS}
    answers = decode(_Answers, {_ANSWERS: found[_ANSWERS]}, error=ConfigError, path=path)
    return Run(
        row=decode(RunRow, row, error=ConfigError, path=path),
        answers_by_variant=answers.answers_by_variant,
        timeline=(),
    )


def _row(run: Run, step: TimelineStep) -> TimelineRow:
    busy = known(step.batch) is not None
    return TimelineRow(
        policy=run.row.policy,
        utilisation=run.row.utilisation,
        int8_speed_up=run.row.int8_speed_up,
        start_s=step.start_s,
        arrivals=step.arrivals,
        answered=step.answered,
        late=step.late,
        rejected=step.rejected,
        busy_share=known(step.busy_share),
        power_w=known(step.power_w),
        core_mhz=known(step.core_mhz),
        batch=known(step.batch),
        full_precision_share=step.variant_shares[0] if busy else None,
    )
