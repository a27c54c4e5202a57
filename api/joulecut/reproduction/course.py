"""The reproduction of Han et al. 2025 from start to end: tables, choices, executions, findings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from joulecut.demo.workplace import Workplace
from joulecut.networks.pictures import sample_pictures
from joulecut.reproduction.cooperative_case import EDGE, SERVER, CooperativeRow, cooperative_rows
from joulecut.reproduction.emulated_boards import execute_boards
from joulecut.reproduction.findings import Finding, all_findings
from joulecut.reproduction.local_case import LocalRow, local_rows
from joulecut.reproduction.memory_case import MemoryRow, memory_rows
from joulecut.reproduction.pair_run import EmulatedPair
from joulecut.reproduction.public_data import public_series
from joulecut.reproduction.series import Series
from joulecut_runtime.profiling.measurable import MeasurableNetwork
from joulecut_runtime.profiling.progress import ProgressSink


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Everything that came out. `series`: the tables behind the local case and the memory clock."""

    series: tuple[Series, ...]
    local: tuple[LocalRow, ...]
    cooperative: tuple[CooperativeRow, ...]
    memory: tuple[MemoryRow, ...]
    findings: tuple[Finding, ...]


_STAGES = (
    "executing the network at every clock of the emulated boards",
    "local case",
    "memory clock",
    "cooperative case: planning, and carrying the plans out",
)


def reproduce_han2025(network: MeasurableNetwork, data: Path | None, progress: ProgressSink) -> Reproduction:
    """Run all three cases; `data`: a folder of measurement tables in place of the shipped one.

    `progress` is told what begins. Raises ConfigError for a folder without known files.
    """
    begun = iter(enumerate(_STAGES))

    def stage() -> None:
        done, what = next(begun)
        progress.advance(done, len(_STAGES), what)

    stage()
    pictures = [(picture.pixels,) for picture in sample_pictures(network.table.inputs[0].shape[-1])]
    pair = EmulatedPair(network, pictures, edge=EDGE, server=SERVER)
    boards = execute_boards(pair.recorded)
    series = (*public_series(data, boards.watts), *boards.by_board.values())
    stage()
    local = local_rows(series)
    stage()
    memory = memory_rows(series)
    stage()
    cooperative = tuple(cooperative_rows(network, pair))
    return Reproduction(
        series=series,
        local=local,
        cooperative=cooperative,
        memory=memory,
        findings=all_findings(local, memory, cooperative),
    )


def workplace_network(cache: Path) -> MeasurableNetwork:
    """The trained network that comes with the demo, packed in the user's cache."""
    return Workplace(folder=cache, run_folder=cache).network()
