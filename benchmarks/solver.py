"""How fast is an exact plan? `python -m benchmarks.solver`.

    for each of some hundred drawn problems, in one process and one thread:
        first solve of tables read | again over links a little different | every choice priced, vectorised
    for a few that a linear programme can state: the same against HiGHS
    -> medians, worst cases and ratios of medians; plans compared on the way

Seconds are this host's, of its processor: the ratios are the figures.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from benchmarks.milp import solve_milp
from benchmarks.solver_cases import FULL, SMALL, Case, Size, drawn_cases, linear_problems
from joulecut_core.documents import write_bytes
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.exact.dense import solve_densely
from joulecut_planner.exact.solver import solve

_RESULTS = Path(__file__).parent / "results" / "solver.md"
_WARM_RUNS = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, compare and write the results."""
    parser = argparse.ArgumentParser(description="Time the exact solver against exhaustive search and a MILP.")
    parser.add_argument("--out", type=Path, default=_RESULTS)
    parser.add_argument("--quick", action="store_true", help="small problems and few of them: seconds, no figures")
    options = parser.parse_args(arguments)
    size, seeds, milp_seeds = (SMALL, range(1), range(1)) if options.quick else (FULL, range(13), range(4))
    contests = [_contest(case) for case in drawn_cases(size, seeds)]
    linear = [each for problem in linear_problems(size, milp_seeds) if (each := _linear_contest(problem)) is not None]
    write_bytes(options.out, _document(size, contests, linear, _import_s(runs=1 if options.quick else 5)).encode())
    print(f"wrote {options.out}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One problem: seconds to read its tables, of the first solve, of later ones and of the dense solver.

    `again_s`: of the very same problem; `warm_s`: each over another link.

    `evaluated_share`: of its choices, how many the first solve priced.
    """

    family: str
    read_s: float
    cold_s: float
    again_s: float
    warm_s: tuple[float, ...]
    dense_s: float
    evaluated_share: float

    @property
    def typical_s(self) -> float:
        """The median of the solves over other links."""
        return statistics.median(self.warm_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearContest:
    """One problem: seconds of the solver, of HiGHS alone and with cvxpy around it; how far the optima differ."""

    solve_s: float
    highs_s: float
    total_s: float
    difference: float
    binaries: int


def _timed(solver: Callable[[Problem], Plan], problem: Problem) -> tuple[Plan, float]:
    """A plan and the seconds of processor time that it took."""
    started_s = time.thread_time()
    plan = solver(problem)
    return plan, time.thread_time() - started_s


def _contest(case: Case) -> Contest:
    problem, read_s = _read(case.problem)
    plan, cold_s = _timed(solve, problem)
    again_s = statistics.median(_timed(solve, problem)[1] for _ in range(_WARM_RUNS))
    warm_s = tuple(_timed(solve, _over_another_link(problem, run))[1] for run in range(_WARM_RUNS))
    dense, dense_s = _timed(solve_densely, case.problem)
    if _answer(plan) != _answer(dense):
        raise SystemExit(f"{case.family}: the solver and the exhaustive solver differ: {plan} and {dense}")
    return Contest(
        family=case.family,
        read_s=read_s,
        cold_s=cold_s,
        again_s=again_s,
        warm_s=warm_s,
        dense_s=dense_s,
        evaluated_share=plan.evaluated / grids_of(case.problem).choices,
    )


def _read(problem: Problem) -> tuple[Problem, float]:
    """The problem with tables of its own, never seen before, and the processor seconds to check and keep them."""
    variants = tuple(replace(each, edge=replace(each.edge), server=replace(each.server)) for each in problem.variants)
    started_s = time.thread_time()
    fresh = replace(problem, variants=variants, cuts=(*problem.cuts,))
    return fresh, time.thread_time() - started_s


def _over_another_link(problem: Problem, run: int) -> Problem:
    """The problem as it is planned again: the link has changed by some tenths of a per cent."""
    link, ratio = problem.link, 1.0 + (run - _WARM_RUNS // 2) * 0.001
    return replace(
        problem, link=replace(link, uplink_bps=link.uplink_bps * ratio, latency_std_s=link.latency_std_s * ratio)
    )


def _linear_contest(problem: Problem) -> LinearContest | None:
    plan = solve(problem)
    if plan.status != OPTIMAL or plan.energy_j is None:
        return None
    solve_s = statistics.median(_timed(solve, problem)[1] for _ in range(_WARM_RUNS))
    milp = solve_milp(problem)
    return LinearContest(
        solve_s=solve_s,
        highs_s=milp.highs_s,
        total_s=milp.total_s,
        difference=abs(milp.energy_j / plan.energy_j - 1.0),
        binaries=milp.binaries,
    )


def _answer(plan: Plan) -> Plan:
    return replace(plan, evaluated=0, solve_s=0.0)


def _import_s(*, runs: int) -> float:
    program = "import time; s = time.process_time(); import joulecut_planner; print(time.process_time() - s)"
    taken = [
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)  # noqa: S603 - our own
        for _ in range(runs)
    ]
    return statistics.median(float(each.stdout) for each in taken)


def _document(size: Size, contests: Sequence[Contest], linear: Sequence[LinearContest], import_s: float) -> str:
    families = list(dict.fromkeys(each.family for each in contests))
    rows = [_row(family, [each for each in contests if each.family == family]) for family in families]
    scope = (
        f"Measured {datetime.now(timezone.utc):%Y-%m-%d} on {_machine()}. Seconds are the processor's, since "
        "the host is shared; the ratios are the figures. Every plan equalled the exhaustive solver's to the last bit."
    )
    columns = (
        f"{len(contests)} problems of {size}, after the first solve {_WARM_RUNS} more of the very same problem "
        f"(*again*), then {_WARM_RUNS} with the link changed by tenths of a per cent each time, as an edge plans anew "
        "(*median*, *worst*); milliseconds. *First*: of tables never planned with; checking and packing them, when "
        f"the problem was made, took {1e3 * statistics.median(each.read_s for each in contests):.1f} in the median "
        "before that. *Worst*: the slowest problem by its median solve. *Dense*: `solve_densely`, which prices every "
        "choice, one group's grid at a time."
    )
    head = (
        "problems",
        "again",
        "median",
        "worst",
        "first, median",
        "first, worst",
        "priced at most",
        "dense",
        "dense / again",
        "dense / median",
    )
    return "\n".join(
        (
            "# The exact solver",
            "",
            scope,
            "",
            columns,
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *rows,
            _row("**all**", contests),
            "",
            *_linear_lines(size, linear),
            "",
            f"`import joulecut_planner` takes {import_s:.2f} s in a fresh interpreter, median of five.",
            "",
        )
    )


def _row(family: str, contests: Iterable[Contest]) -> str:
    each = list(contests)
    again_s, median_s, dense_s = (
        statistics.median(getattr(c, name) for c in each) for name in ("again_s", "typical_s", "dense_s")
    )
    figures = (
        again_s,
        median_s,
        max(c.typical_s for c in each),
        statistics.median(c.cold_s for c in each),
        max(c.cold_s for c in each),
    )
    cells = [f"{1e3 * seconds:.2f}" for seconds in figures]
    share = max(c.evaluated_share for c in each)
    ratios = f"{dense_s / again_s:.0f} | {dense_s / median_s:.0f}"
    return f"| {family} | {' | '.join(cells)} | {share:.3%} | {1e3 * dense_s:.1f} | {ratios} |"


def _linear_lines(size: Size, linear: Sequence[LinearContest]) -> tuple[str, ...]:
    solve_s, highs_s, total_s = (
        statistics.median(getattr(each, name) for each in linear) for name in ("solve_s", "highs_s", "total_s")
    )
    scope = (
        f"Against HiGHS, through cvxpy, on {len(linear)} problems of {size} with a rate, a deadline and no quantile, "
        f"{min(each.binaries for each in linear)} to {max(each.binaries for each in linear)} binaries "
        "(`benchmarks/milp.py` says how they are stated):"
    )
    return (
        scope,
        "",
        "| | median, ms | times the solver |",
        "|---|---|---|",
        f"| the solver | {1e3 * solve_s:.2f} | 1 |",
        f"| HiGHS alone | {1e3 * highs_s:.0f} | {highs_s / solve_s:.0f} |",
        f"| with cvxpy's compilation | {1e3 * total_s:.0f} | {total_s / solve_s:.0f} |",
        "",
        f"The optima differ by {max(each.difference for each in linear):.1e} at most, relative.",
    )


def _machine() -> str:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.partition(":")[2].strip() for line in information.read_text().splitlines() if "model name" in line
        ]
        cpu = names[0] if names else cpu
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "cvxpy", "highspy"))
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {packages}"


if __name__ == "__main__":
    main()
