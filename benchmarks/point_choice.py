"""How many points must be measured for the decisions of a full sweep? `python -m benchmarks.point_choice`.

Every series of a file is a sweep over a whole clock table. The chooser of `joulecut_planner.point_choice` asks for its
points one by one; the plan is then the point of least energy expected to meet each deadline: 1.1, 1.25, 1.5, 2 and 3
times the fastest measured latency. It is compared with the point that the full sweep shows to be best.

    same     the same operating point
    regret   measured energy of the choice above that of the best, relative
    missed   measured latency more than 1 % over the deadline

Files without watts are given made-up ones, the same law for all: only their latencies are measured.
Series are public measurements beside the repository: ../shared/data, or the folder given with --data.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from benchmarks.fits import read_series, six_points
from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.documents import write_bytes
from joulecut_planner.choices.grids import Array
from joulecut_planner.fits import Measurement
from joulecut_planner.point_choice import Outlook, PlanPointChooser
from joulecut_planner.point_choice.outlook import outlook

_RESULTS = Path(__file__).parent / "results" / "point_choice.md"
_DATA = Path(__file__).parents[2] / "shared" / "data" / "dvfs"
_DEADLINES = (1.1, 1.25, 1.5, 2.0, 3.0)
_LATE = 1.01
_SEED = 0
_LEAST_FOR_A_FIT = 3

Sweep = Sequence[Measurement]


def main() -> None:
    """Choose points of every series and write the table."""
    parser = argparse.ArgumentParser(description="Judge the choice of points on public sweeps.")
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    files = {
        path.stem: [_with_watts(rows) for rows in read_series(path)] for path in sorted(options.data.glob("*.csv"))
    }
    if not files:
        parser.error(f"no CSV files in {options.data}")
    rows, times_s = [], []
    for name, sweeps in files.items():
        for way, choose in WAYS.items():
            if choose is fixed and len({m.memory_mhz for m in sweeps[0]}) == 1:
                continue
            started_s = time.process_time()
            judged = [_judged(sweep, choose(sweep)) for sweep in sweeps]
            if way == "bound":
                times_s.append((time.process_time() - started_s) / sum(one.points for one in judged))
            rows.append(_row(name, way, sweeps, judged))
    write_bytes(options.out, _document(rows, times_s).encode())
    print(f"wrote {options.out}")


def by_bound(sweep: Sweep) -> list[int]:
    """Rows measured until the regret is below the chooser's bound, whatever they cost."""
    return _chosen(sweep, len(sweep))


def by_budget(sweep: Sweep) -> list[int]:
    """The same, but of at most a quarter of the table, rounded down; three points at least."""
    return _chosen(sweep, max(_LEAST_FOR_A_FIT, len(sweep) // 4))


def at_random(sweep: Sweep) -> list[int]:
    """As many rows as `by_budget` takes, drawn at random, both ends of the core clocks at the top memory among them."""
    count = len(by_budget(sweep))
    table = ClockTable(points=tuple(m.point for m in sweep))
    top_row = [place for place, m in enumerate(sweep) if m.memory_mhz == table.top.memory_mhz]
    ends = [
        min(top_row, key=lambda place: sweep[place].core_mhz),
        max(top_row, key=lambda place: sweep[place].core_mhz),
    ]
    between = [k for k, m in enumerate(sweep) if m.core_mhz not in {sweep[end].core_mhz for end in ends}]
    rng = np.random.default_rng(_SEED)
    third = int(rng.choice(between))
    others = [k for k in range(len(sweep)) if k not in (*ends, third)]
    return [*ends, third, *rng.choice(others, size=count - _LEAST_FOR_A_FIT, replace=False).tolist()]


def fixed(sweep: Sweep) -> list[int]:
    """Corners, middle, and a third up the core clocks."""
    return [k for k, used in enumerate(six_points(sweep)) if used]


WAYS: dict[str, Callable[[Sweep], list[int]]] = {
    "bound": by_bound,
    "quarter": by_budget,
    "6 points": fixed,
    "random": at_random,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One sweep: points measured of those there are, and each deadline's outcome."""

    points: int
    share: float
    same: tuple[bool, ...]
    missed: tuple[bool, ...]
    regret: tuple[float, ...]


def _chosen(sweep: Sweep, most_points: int) -> list[int]:
    table = ClockTable(points=tuple(m.point for m in sweep))
    chooser = PlanPointChooser(table, most_points=most_points)
    asked: list[OperatingPoint] = []
    rows: list[int] = []
    while (point := chooser.choose(asked, [sweep[k] for k in rows]).point) is not None:
        asked.append(point)
        rows.append(next(k for k, m in enumerate(sweep) if m.point.matches(point)))
    return rows


def _judged(sweep: Sweep, rows: Sequence[int]) -> Judged:
    points = [m.point for m in sweep]
    seen = outlook(points, [points[k] for k in rows], [sweep[k] for k in rows])
    latency, energy = _truth(sweep)
    same, missed, regret = [], [], []
    for slower in _DEADLINES:
        deadline_s = slower * float(latency.min())
        choice = _decision(seen, deadline_s)
        best = int(np.where(latency <= deadline_s, energy, np.inf).argmin())
        same.append(choice == best)
        missed.append(bool(latency[choice] > _LATE * deadline_s))
        regret.append(max(0.0, float(energy[choice] / energy[best] - 1.0)))
    return Judged(
        points=len(rows),
        share=len(rows) / len(sweep),
        same=tuple(same),
        missed=tuple(missed),
        regret=tuple(regret),
    )


def _decision(seen: Outlook, deadline_s: float) -> int:
    meets = seen.log_latency <= np.log(deadline_s)
    return int(np.where(meets, seen.log_energy, np.inf).argmin()) if meets.any() else int(seen.log_latency.argmin())


def _truth(sweep: Sweep) -> tuple[Array, Array]:
    latency = np.array([m.latency_s for m in sweep], dtype=np.float64)
    return latency, latency * np.array([m.power_w for m in sweep], dtype=np.float64)


def _with_watts(rows: Sweep) -> list[Measurement]:
    """The rows, with watts of a made-up board where none were measured: static, linear, cubic and memory."""
    if all(m.power_w is not None for m in rows):
        return list(rows)
    top_core, top_memory = max(m.core_mhz for m in rows), max(m.memory_mhz or 1.0 for m in rows)
    made_up = []
    for m in rows:
        x, y = m.core_mhz / top_core, (m.memory_mhz or top_memory) / top_memory
        made_up.append(replace(m, power_w=3.0 + 2.0 * x + 4.0 * x**3 + 1.5 * y, power_scope="made up"))
    return made_up


def _row(name: str, way: str, sweeps: Sequence[Sweep], judged: Sequence[Judged]) -> str:
    same = [each for one in judged for each in one.same]
    missed = [each for one in judged for each in one.missed]
    regret = 100 * np.array([each for one in judged for each in one.regret])
    points = f"{np.mean([one.points for one in judged]):.1f} ({max(one.points for one in judged)})"
    share = f"{100 * np.mean([one.share for one in judged]):.0f}"
    return (
        f"| {name} | {len(sweeps)} x {len(sweeps[0])} | {way} | {points} | {share} | {sum(same)} of {len(same)} | "
        f"{sum(missed)} | {np.quantile(regret, 0.95):.1f} | {regret.max():.1f} |"
    )


def _document(rows: Sequence[str], times_s: Sequence[float]) -> str:
    today = datetime.now(timezone.utc).date().isoformat()
    made = f"{today}, Python {platform.python_version()}, numpy {np.__version__}. Replayed on public measurements."
    ways = (
        "*bound*: until no decision is expected to give away more than 0.3 % of its energy. *quarter*: the same with "
        "at most a quarter of the table, rounded down, three points at least: of the single ladders of "
        "agx_xavier_mobilenet (14 clocks) and rtx8000_kernels (10) that is three, the fewest that a curve takes. "
        "*6 points*: corners, middle, a third up. *random*: as many as *quarter*, drawn. Watts of orin_nano and "
        "tx2_dnn are made up."
    )
    spent = (
        f"CPU time of choosing one point on this host, median over files: {1e3 * statistics.median(times_s):.0f} ms."
    )
    lines = [
        "# point choice: few points against the full sweep",
        "",
        made,
        "",
        ways,
        "",
        "| file | series x points | way | points, mean (most) | share, % | same | missed | regret p95, % | most, % |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        spent,
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
