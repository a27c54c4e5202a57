"""A simulation as a document and as a folder of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joulecut.reproduction.sheets import csv_text, record
from joulecut.simulation.page import render_page
from joulecut.simulation.plots import plots
from joulecut.simulation.rows import Run, Simulation, known
from joulecut_core.documents import write_bytes
from joulecut_core.errors import ConfigError
from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.simulation.recording import TimelineStep

SCHEMA = "joulecut.simulation/1"


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


def document(simulation: Simulation) -> Mapping[str, object]:
    """Every number, for JSON."""
    return {
        "schema": SCHEMA,
        "trace": record(simulation.trace),
        "table": _table(simulation.table, simulation.table_source),
        "slo_s": simulation.slo_s,
        "capacity": record(simulation.capacity),
        "accuracy_floor": simulation.accuracy_floor,
        "power_cap_w": simulation.power_cap_w,
        "most_waiting": simulation.most_waiting,
        "most_per_edge": simulation.most_per_edge,
        "seed": simulation.seed,
        "remarks": list(simulation.remarks),
        "runs": [{**record(run.row), "answers_by_variant": dict(run.answers_by_variant)} for run in simulation.runs],
    }


def write_folder(simulation: Simulation, folder: Path) -> tuple[Path, ...]:
    """CSV files, plots and `index.html`, each whole or not at all. Raises ConfigError where they cannot be."""
    images = plots(simulation)
    files = {
        "runs.csv": csv_text(simulation.rows).encode(),
        "timeline.csv": csv_text([_row(run, step) for run in simulation.runs for step in run.timeline]).encode(),
    }
    files |= {f"{name}.png": image for name, image in images.items()}
    files["index.html"] = render_page(simulation, images).encode()
    try:
        for name, content in files.items():
            write_bytes(folder / name, content)
    except OSError as cause:
        raise ConfigError(f"--out {folder}: cannot be written: {cause}") from cause
    return tuple(folder / name for name in files)


def _table(table: ServiceTable, source: str) -> Mapping[str, object]:
    return {
        "source": source,
        "network": table.network,
        "device": table.device,
        "power_scope": table.power_scope,
        "units": len(table.units),
        "points": len(table.points),
        "lowest_core_mhz": table.points[0].core_mhz,
        "highest_core_mhz": table.points[-1].core_mhz,
        "batches": list(table.batches),
        "switch_s": table.switch_s,
        "switch_j": table.switch_j,
        "variants": [
            {
                "name": variant.name,
                "accuracy": variant.accuracy,
                "accuracy_of": variant.accuracy_of,
                "figures": variant.figures.value,
                "alone_s": sum(unit[-1] for unit in variant.time_s[0]),
            }
            for variant in table.variants
        ],
    }


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
