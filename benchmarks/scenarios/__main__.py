"""`python -m benchmarks.scenarios`: plan the sweep, write its table and its summary."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import platformdirs
import torch
import typer
from rich.console import Console
from rich.progress import track

from benchmarks.scenarios.cases import RATES_HZ, Grid, demo_grid, full_grid, quick_grid
from benchmarks.scenarios.csv_file import csv_text
from benchmarks.scenarios.outcomes import Outcome
from benchmarks.scenarios.profiles import RehearsedProfiles
from benchmarks.scenarios.summary import Provenance, summary_text
from benchmarks.scenarios.sweep import sweep
from joulecut.demo.scenario import Scenario
from joulecut.demo.workplace import Workplace
from joulecut_core.documents import write_bytes
from joulecut_core.programs import run_program
from joulecut_core.wires import WireTable, load_wires
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_runtime.profiling.profiler import Side

RESULTS = Path(__file__).parents[1] / "results" / "scenarios"


def scenarios(
    out: Annotated[Path, typer.Option(help="Folder for scenarios.csv and summary.md.")] = RESULTS,
    quick: Annotated[bool, typer.Option("--quick", help="A few dozen scenarios, to see that it works.")] = False,
    seed: Annotated[int, typer.Option(help="Noise of the emulated devices while they are profiled.")] = 1,
) -> None:
    """Plan thousands of scenarios and report where splitting pays. Estimated: nothing is run or metered."""
    torch.set_num_threads(1)
    console = Console(stderr=True)
    scenario = Scenario()
    cache = Path(platformdirs.user_cache_dir("joulecut"))
    workplace = Workplace(folder=cache, run_folder=cache)
    network = workplace.network()
    wires = load_wires(workplace.shipped_wires)
    rates_hz = tuple(sorted({*RATES_HZ, scenario.rate_hz}))
    source = RehearsedProfiles(network, cache / "scenarios" / f"seed-{seed}", rates_hz=rates_hz, seed=seed)
    grid, demo = (quick_grid() if quick else full_grid()), demo_grid(scenario)
    for device, side in track(_devices(grid, demo), description="profiles", console=console):
        source(device, side)

    def planned(grid: Grid, title: str) -> list[Outcome]:
        outcomes = sweep(
            grid, source, wires, max_accuracy_loss=scenario.max_accuracy_loss, envelope_bytes=ENVELOPE_BYTES
        )
        return list(track(outcomes, description=title, total=len(grid), console=console))

    outcomes = planned(grid, "scenarios")
    provenance = _provenance(wires, workplace.shipped_wires, seed)
    summary = summary_text(outcomes, planned(demo, "the demo's case"), provenance)
    write_bytes(out / "scenarios.csv", csv_text(outcomes).encode())
    write_bytes(out / "summary.md", summary.encode())
    console.print(f"wrote {out / 'scenarios.csv'} and {out / 'summary.md'}", soft_wrap=True)


def _devices(*grids: Grid) -> Sequence[tuple[str, Side]]:
    named = [(setting.board, setting.server) for grid in grids for setting in grid.settings]
    edges: list[tuple[str, Side]] = [(board, "edge") for board, _ in named]
    servers: list[tuple[str, Side]] = [(server, "server") for _, server in named]
    return list(dict.fromkeys([*edges, *servers]))


def _provenance(wires: WireTable, path: Path, seed: int) -> Provenance:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("joulecut", "torch", "numpy", "scipy")]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Provenance(
        date=date.today().isoformat(),
        versions=", ".join([*versions, f"Python {platform.python_version()}"]),
        network_digest=wires.network_digest,
        wires=f"{wires.samples_from}, table `{digest}`",
        seed=seed,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program on `arguments`, those of the command line by default; returns its exit status."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(scenarios)
    return run_program(lambda: app(args=arguments, standalone_mode=False))


if __name__ == "__main__":
    sys.exit(main())
