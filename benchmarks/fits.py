"""How well do fits from a few clocks predict the others, and what do they decide? `python -m benchmarks.fits`.

    4 clocks   four core clocks, evenly by rank, at every memory clock
    6 points   a grid's corners, its middle, and a point a third up the core clocks at the top memory clock

Errors are over the points not calibrated, pooled over the series of a file. Each series is fitted from its own
calibrated rows alone. A decision is the point of least predicted energy among those predicted to meet a deadline of
1.1, 1.25, 1.5, 2 and 3 times the fastest measured latency, looked up in the file: a miss is more than 1 % late.
*Careful* decisions are joulecut's where the band's upper edge has to meet the deadline.
Series are public measurements beside the repository: ../shared/data, or the folder given with --data.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import binomtest

from benchmarks.fit_plants import planted_table
from joulecut.profiling.measurements import read_measurements
from joulecut_core.documents import write_bytes
from joulecut_planner.choices.grids import Array
from joulecut_planner.fits import Measurement, fit_series
from joulecut_planner.fits.cpu_dvfs_fit import fit_cpu_latency, fit_cpu_power

_RESULTS = Path(__file__).parent / "results" / "fits.md"
_DATA = Path(__file__).parents[2] / "shared" / "data" / "dvfs"
_DEADLINES = (1.1, 1.25, 1.5, 2.0, 3.0)
_LATE = 1.01
_LEAST_FOR_A_CURVE = 3
_TIMED = 3
"""Fits of which the quickest counts: what else runs on the host costs CPU time too."""

Series = Sequence[Measurement]
Table = tuple[Array, Array]
"""Seconds and watts for each row; NaN where there is none."""
Model = Callable[[Series, Series], Table]
Plan = Callable[[Series], list[bool]]


def main() -> None:
    """Fit every series by every plan and write the tables."""
    parser = argparse.ArgumentParser(description="Judge fits from few clocks on public measurements.")
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    options = parser.parse_args()
    files = {path.stem: read_series(path) for path in sorted(options.data.glob("*.csv"))}
    if not files:
        parser.error(f"no CSV files in {options.data}")
    errors, decisions, times = [], [], []
    for name, series in files.items():
        for plan_name, plan in PLANS.items():
            if plan is six_points and len({m.memory_mhz for m in series[0]}) == 1:
                continue
            judged = {model: [Judged(rows, plan(rows), model) for rows in series] for model in MODELS}
            errors.append(_error_row(name, plan_name, judged))
            if any(m.power_w is not None for m in series[0]):
                decisions.append(_decision_row(name, plan_name, judged))
            times += [1e3 * one.cpu_s for one in judged["joulecut"]]
    write_bytes(options.out, _document(errors, decisions, planted_table(files), times).encode())
    print(f"wrote {options.out}")


def read_series(path: Path) -> list[list[Measurement]]:
    """The series of a file, each in the file's order."""
    groups: dict[str | None, list[Measurement]] = {}
    for measurement in read_measurements(path).measurements:
        groups.setdefault(measurement.series, []).append(measurement)
    return list(groups.values())


def four_clocks(rows: Series) -> list[bool]:
    """Which rows are calibrated."""
    chosen: set[tuple[float, float | None]] = set()
    for memory in {m.memory_mhz for m in rows}:
        cores = sorted({m.core_mhz for m in rows if m.memory_mhz == memory})
        chosen |= {(cores[round(k)], memory) for k in np.linspace(0, len(cores) - 1, 4)}
    return [(m.core_mhz, m.memory_mhz) in chosen for m in rows]


def six_points(rows: Series) -> list[bool]:
    """Which rows are calibrated."""
    cores, memories = sorted({m.core_mhz for m in rows}), sorted({m.memory_mhz or 0.0 for m in rows})
    chosen = {(core, memory) for core in (cores[0], cores[-1]) for memory in (memories[0], memories[-1])}
    chosen.add((cores[len(cores) // 2], memories[len(memories) // 2]))
    chosen.add((cores[round((len(cores) - 1) / 3)], memories[-1]))
    return [(m.core_mhz, m.memory_mhz) in chosen for m in rows]


def fitted(calibration: Series, grid: Series) -> Table:
    """What `joulecut fit` predicts."""
    predictions = fit_series(calibration).predict([m.point for m in grid])
    return _column([p.latency_s for p in predictions]), _column([p.power_w for p in predictions])


def affine(calibration: Series, grid: Series) -> Table:
    """a/f + b and p0 + p1 f + p3 f^3, non-negative, per memory clock; one for all where its points are too few."""
    latency, power = np.full(len(grid), np.nan), np.full(len(grid), np.nan)
    for memory in {m.memory_mhz for m in grid}:
        own = [m for m in calibration if m.memory_mhz == memory]
        used = own if len(own) >= _LEAST_FOR_A_CURVE else calibration
        top = max(m.core_mhz for m in used)
        place = np.array([m.memory_mhz == memory for m in grid])
        asked = np.array([m.core_mhz / top for m in grid])[place]
        clocks = np.array([m.core_mhz / top for m in used])
        latency[place] = _non_negative(_column([m.latency_s for m in used]), clocks, asked, (-1.0, 0.0))
        power[place] = _non_negative(_column([m.power_w for m in used]), clocks, asked, (0.0, 1.0, 3.0))
    return latency, power


def cpu(calibration: Series, grid: Series) -> Table:
    """The CPU's model: k / f and kappa f^3."""
    clocks = [m.core_mhz for m in calibration]
    asked = np.array([m.core_mhz for m in grid]) / max(clocks)
    latency = fit_cpu_latency(clocks, [m.latency_s or 0.0 for m in calibration]).k_s / asked
    if calibration[0].power_w is None:
        return latency, np.full(len(grid), np.nan)
    return latency, fit_cpu_power(clocks, [m.power_w or 0.0 for m in calibration]).kappa_w * asked**3


MODELS: dict[str, Model] = {"joulecut": fitted, "affine": affine, "cpu": cpu}
PLANS: dict[str, Plan] = {"4 clocks": four_clocks, "6 points": six_points}


class Judged:
    """One model on one series: relative errors where not calibrated, decisions, and the fit's CPU time."""

    def __init__(self, rows: Series, calibrated: list[bool], model: str) -> None:
        """Fit the calibrated rows and look at all."""
        calibration = [m for m, used in zip(rows, calibrated, strict=True) if used]
        latency, power = MODELS[model](calibration, rows)
        self.cpu_s = min(_cpu_s(MODELS[model], calibration, rows) for _ in range(_TIMED))
        truth, watts = _column([m.latency_s for m in rows]), _column([m.power_w for m in rows])
        held_out = ~np.array(calibrated)
        self.latency = np.abs(latency / truth - 1.0)[held_out]
        self.power = np.abs(power / watts - 1.0)[held_out]
        self.latency_inside = self.power_inside = np.array([], dtype=bool)
        joules = truth * watts
        self.missed, self.regret = _decisions(latency, latency * power, truth, joules)
        if model == "joulecut":
            predictions = fit_series(calibration).predict([m.point for m in rows])
            low, high = (_column([getattr(p, f"latency_{end}_s") for p in predictions]) for end in ("low", "high"))
            self.latency_inside = ((low <= truth) & (truth <= high))[held_out]
            self.careful_missed, self.careful_regret = _decisions(high, latency * power, truth, joules)
            low, high = (_column([getattr(p, f"power_{end}_w") for p in predictions]) for end in ("low", "high"))
            self.power_inside = ((low <= watts) & (watts <= high))[held_out & np.isfinite(watts)]


def _cpu_s(model: Model, calibration: Series, rows: Series) -> float:
    started = time.process_time()
    model(calibration, rows)
    return time.process_time() - started


def _decisions(latency: Array, energy: Array, truth: Array, joules: Array) -> tuple[list[bool], list[float]]:
    missed, regret = [], []
    if np.isfinite(joules).all():
        for factor in _DEADLINES:
            deadline = factor * truth.min()
            meets = latency <= deadline
            choice = int(np.where(meets, energy, np.inf).argmin()) if meets.any() else int(latency.argmin())
            missed.append(bool(truth[choice] > _LATE * deadline))
            regret.append(max(0.0, float(joules[choice] / joules[truth <= deadline].min() - 1.0)))
    return missed, regret


def _non_negative(values: Array, clocks: Array, asked: Array, powers: tuple[float, ...]) -> Array:
    if not np.isfinite(values).all():
        return np.full(len(asked), np.nan)
    columns = np.stack([clocks**power for power in powers], axis=1) / values[:, None]
    coefficients, _ = nnls(columns, np.ones(len(values)))
    fit: Array = np.stack([asked**power for power in powers], axis=1) @ coefficients
    return fit


def _column(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values])


def _error_row(name: str, plan: str, judged: dict[str, list[Judged]]) -> str:
    cells = [_errors([one.latency for one in judged[model]]) for model in MODELS]
    cells.append(_inside([one.latency_inside for one in judged["joulecut"]]))
    cells += [_errors([one.power for one in judged[model]]) for model in MODELS]
    cells.append(_inside([one.power_inside for one in judged["joulecut"]]))
    return f"| {name} | {plan} | {' | '.join(cells)} |"


def _inside(parts: Sequence[NDArray[np.bool_]]) -> str:
    """The share inside, and what chance alone leaves open of it."""
    inside = np.concatenate(parts)
    if not inside.size:
        return "-"
    chance = binomtest(int(inside.sum()), inside.size).proportion_ci()
    return f"{100 * inside.mean():.0f} ({100 * chance.low:.0f}-{100 * chance.high:.0f})"


def _decision_row(name: str, plan: str, judged: dict[str, list[Judged]]) -> str:
    own = judged["joulecut"]
    outcomes = [[(one.missed, one.regret) for one in series] for series in judged.values()]
    outcomes.insert(1, [(one.careful_missed, one.careful_regret) for one in own])
    cells = []
    for outcome in outcomes:
        missed = [miss for misses, _ in outcome for miss in misses]
        regret = [share for _, shares in outcome for share in shares]
        cells.append(f"{100 * np.mean(missed):.1f}, {100 * np.quantile(regret, 0.95):.1f}")
    return f"| {name} | {plan} | {sum(len(one.missed) for one in own)} | {' | '.join(cells)} |"


def _errors(parts: Sequence[Array]) -> str:
    errors = 100 * np.concatenate(parts)
    return f"{np.median(errors):.2f} / {np.quantile(errors, 0.95):.2f}" if np.isfinite(errors).all() else "-"


def _document(errors: Sequence[str], decisions: Sequence[str], planted: Sequence[str], times: Sequence[float]) -> str:
    median, p95 = statistics.median(times), np.quantile(times, 0.95)
    spent = (
        "CPU time of one series on this host, latency and power fitted and predicted, calibrated as above, the "
        f"quickest of {_TIMED}: median {median:.0f} ms, 95th percentile {p95:.0f} ms."
    )
    chance = (
        "In parentheses what chance alone leaves open of a share with 95 % confidence, were the points independent "
        "(Clopper and Pearson); points of one series are not, so more is open."
    )
    today = datetime.now(timezone.utc).date().isoformat()
    lines = [
        "# fits: few clocks against the others",
        "",
        f"{today}, Python {platform.python_version()}, numpy {np.__version__}. Fits judged on public measurements.",
        "",
        "## Errors where not calibrated, median / 95th percentile in per cent; share in the 90 % band in per cent",
        "",
        chance,
        "",
        "| file | calibrated | latency joulecut | affine | cpu | in band | power joulecut | affine | cpu | in band |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *errors,
        "",
        "## Decisions: deadline misses in per cent, 95th percentile of the energy regret in per cent",
        "",
        "Careful: the upper edge of joulecut's band has to meet the deadline, not the prediction.",
        "",
        "| file | calibrated | decisions | joulecut | careful | affine | cpu |",
        "|---|---|---|---|---|---|---|",
        *decisions,
        "",
        *planted,
        "",
        "## Time",
        "",
        spent,
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
