"""A table, policies and orders for tests of the command: everything small and known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from joulecut.simulation.arrivals import open_trace
from joulecut.simulation.course import carry_out
from joulecut.simulation.orders import Rules, SimulationOrder, TraceOrder
from joulecut.simulation.rows import Simulation
from joulecut.simulation.table_choice import TableChoice
from joulecut_core.errors import ConfigError
from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import BatchOutcome, ServingPolicy
from joulecut_runtime.profiling.progress import ProgressSink, Silence
from tests.planner.serving.scripted import Drawn, Eager
from tests.planner.serving.tables import gpu_like

TABLE = replace(
    gpu_like(units=2, points=3, batches=(1, 2, 4), speed_ups=(1.0, 2.0), accuracies=(1.0, 0.99)), network="digits"
)
CHOICE = TableChoice(table=TABLE, source="made up")
NAMES = ("eager", "drawn")


class Quiet(Eager):
    """Keeps no outcomes."""

    def completed(self, outcome: BatchOutcome) -> None:
        del outcome


def make(name: str, table: ServiceTable, rules: Rules) -> ServingPolicy:
    """The policies of these tests."""
    del rules
    if name == "eager":
        return Quiet(table)
    if name == "drawn":
        return Drawn(table, 5)
    raise ConfigError(f"no policy {name}")


def trace_file(folder: Path, *lines: str, header: str = "time_s") -> Path:
    """A trace with these rows."""
    path = folder / "trace.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def simulated(
    order: TraceOrder, *, progress: ProgressSink | None = None, table: ServiceTable = TABLE, **rest: object
) -> Simulation:
    """What comes of a trace under both policies; `rest` as of `SimulationOrder`."""
    asked = replace(SimulationOrder(trace=order, policies=NAMES), **rest)  # type: ignore[arg-type]
    opened = open_trace(order, asked.seed)
    return carry_out(asked, opened, replace(CHOICE, table=table), make, progress or Silence())
