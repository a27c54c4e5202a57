"""What every baseline of fleets draws against joulecut's plan. `python -m benchmarks.fleet_baselines`.

    total     both sides' joules count, the server's time is short: the fleets of `benchmarks.fleet`
    devices   the devices' joules count, a server for everybody: the terms of Robust partitioning

Estimated: planned on drawn tables, nothing run.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import product
from pathlib import Path

import numpy as np
from tests.planner.fleet.drawn_fleets import drawn_fleet

from joulecut_core.documents import write_bytes
from joulecut_core.fleets import Fleet
from joulecut_planner.baselines.fleets import FLEET_BASELINES, FleetOutcome
from joulecut_planner.fleet import solve_fleet

RESULTS = Path(__file__).parent / "results"
FAMILIES = ("total", "devices")

_EDGES, _QUICK_EDGES = 20, 4
_SEEDS, _QUICK_SEEDS = range(6), range(1)
_UPLINK_SHARES = (0.1, 0.3, 0.6, 1.2)
"""Of what the edges would about take of an uplink without limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Every baseline's plan of one fleet, its CPU seconds, and the proved bound on anybody's watts."""

    family: str
    lower_bound_w: float
    outcomes: dict[str, FleetOutcome]

    def excess(self, name: str) -> float | None:
        """Watts over the bound, as a share of it; None where the plan breaks something."""
        outcome = self.outcomes[name]
        return None if outcome.broken or outcome.power_w is None else outcome.power_w / self.lower_bound_w - 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Plan every fleet with every baseline; write the tables."""
    parser = argparse.ArgumentParser(description="Compare baselines of fleets with joulecut's plan; nothing is run.")
    parser.add_argument("--out", type=Path, default=RESULTS, help="Folder for fleet_baselines.md.")
    parser.add_argument("--quick", action="store_true", help="Two small fleets a family, to see that it works.")
    options = parser.parse_args(arguments)
    compared = [*compare(quick=options.quick)]
    options.out.mkdir(parents=True, exist_ok=True)
    edges = _QUICK_EDGES if options.quick else _EDGES
    write_bytes(options.out / "fleet_baselines.md", document(compared, edges).encode())
    print(f"wrote {options.out / 'fleet_baselines.md'}")


def compare(*, quick: bool) -> Iterator[Compared]:
    """Each fleet of each family with its plans."""
    edges, seeds = (_QUICK_EDGES, _QUICK_SEEDS) if quick else (_EDGES, _SEEDS)
    cuts, edge_points, server_points = (8, 3, 4) if quick else (40, 8, 20)
    for family, seed, share in product(FAMILIES, seeds, _UPLINK_SHARES[1:3] if quick else _UPLINK_SHARES):
        fleet = drawn_fleet(
            seed, edges, cuts=cuts, edge_points=edge_points, server_points=server_points, uplink_share=share
        )
        posed = fleet if family == "total" else of_devices(fleet)
        best = solve_fleet(posed)
        if best.lower_bound_w is None:
            continue
        outcomes = {name: _timed(name, posed) for name in FLEET_BASELINES}
        yield Compared(family=family, lower_bound_w=best.lower_bound_w, outcomes=outcomes)


def of_devices(fleet: Fleet) -> Fleet:
    """The fleet with the edges' joules alone, Cantelli's margin, and as much of the server as anybody wants."""
    edges = tuple(
        replace(
            edge,
            problem=replace(
                edge.problem,
                objective=replace(edge.problem.objective, server_weight=0.0),
                slo=replace(edge.problem.slo, margin="cantelli"),
            ),
        )
        for edge in fleet.edges
    )
    shared = replace(fleet.shared, server_utilisation=1.0, server_idle_w_counts=False)
    return replace(fleet, edges=edges, shared=shared)


def document(compared: Sequence[Compared], edges: int) -> str:
    """The tables in Markdown, with date, machine and scope."""
    lines = [
        "# Baselines of fleets against joulecut's plan",
        "",
        "**Scope: estimated. Planned on drawn tables, nothing run.**",
        "",
        f"- planned {datetime.now(timezone.utc):%Y-%m-%d} on {_machine()}",
        f"- fleets of {edges} edges under uplinks of {', '.join(f'{share:g}' for share in _UPLINK_SHARES)} times what",
        "  they would about take; each edge has a link, rate, deadline and weight of its own",
        "- *excess*: watts over the proved lower bound of the fleet, where the plan keeps everything; `joint`'s own is",
        "  the gap of its proof. Who breaks something on the hard fleets is not charged for them: read it with",
        "  *keeps all*",
        "- *late*, *congested*: some edge breaks its deadline's quantile, its rate; *overloaded*: together they take",
        "  more of the server's time than there is. Nothing is repaired",
        "- *CPU*: median milliseconds of one thread a fleet",
        "- what each row is: [fleets of edges](../../docs/explanation-baselines.md#fleets)",
    ]
    for family in FAMILIES:
        posed = [one for one in compared if one.family == family]
        lines += ["", f"## {family}: {len(posed)} fleets", "", *_table(posed)]
    return "\n".join([*lines, ""])


def _table(compared: Sequence[Compared]) -> Iterator[str]:
    yield "| baseline | keeps all | late | congested | overloaded | excess: mean | median | most | CPU ms |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in FLEET_BASELINES:
        outcomes = [one.outcomes[name] for one in compared]
        excess = [share for one in compared if (share := one.excess(name)) is not None]
        broken = [sum(kind in one.broken for one in outcomes) / len(outcomes) for kind in _KINDS]
        shares = [len(excess) / len(outcomes), *broken, *_summary(excess)]
        cells = " | ".join("-" if math.isnan(share) else f"{share:.1%}" for share in shares)
        yield f"| {name} | {cells} | {1e3 * statistics.median(one.solve_s for one in outcomes):.0f} |"


_KINDS = ("latency", "rate", "utilisation")


def _summary(excess: Sequence[float]) -> tuple[float, float, float]:
    if not excess:
        return math.nan, math.nan, math.nan
    return statistics.fmean(excess), statistics.median(excess), max(excess)


def _timed(name: str, fleet: Fleet) -> FleetOutcome:
    started_s = time.process_time()
    outcome = FLEET_BASELINES[name].plan(fleet)
    return replace(outcome, solve_s=time.process_time() - started_s)


def _machine() -> str:
    return (
        f"a shared machine with {os.cpu_count()} {platform.machine()} cores, one thread, "
        f"Python {platform.python_version()}, numpy {np.__version__}"
    )


if __name__ == "__main__":
    main()
