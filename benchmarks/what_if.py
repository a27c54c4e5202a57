"""How long do whole fronts, sweeps and tables take, and what do they save? `python -m benchmarks.what_if`.

    for each drawn problem, in one process and one thread, in turn:
        the front | every choice priced, then sorted | a sweep | solving each of its points | ...
    -> medians and their ratios; fronts, and the plans of sweeps, are compared with what they are timed against

Seconds are the processor's: the host is shared, and ratios are the figures.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

import numpy as np
from tests.planner.drawn_problems import drawn_problem

from benchmarks.solver_cases import FULL, SMALL, Size
from joulecut_core.documents import write_bytes
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem, Slo
from joulecut_planner.choices.grids import grids_of
from joulecut_planner.choices.groups import edge_part, groups_of, price_many, server_part
from joulecut_planner.choices.pricing import Crossing, Part
from joulecut_planner.choices.variations import with_deadline, with_uplink
from joulecut_planner.exact.solver import solve
from joulecut_planner.explanations.explain import explain
from joulecut_planner.fronts.pareto import pareto
from joulecut_planner.uplinks.break_points import break_points
from joulecut_planner.uplinks.what_if import what_if

_RESULTS = Path(__file__).parent / "results" / "what_if.md"
_LEVELS = {
    "quantile and rate": Slo(latency_s=0.04, quantile=0.99, rate_hz=10.0),
    "quantile alone": Slo(latency_s=0.04, quantile=0.99),
    "rate alone": Slo(latency_s=0.04, rate_hz=10.0),
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Milliseconds of one question on one problem, of its rival if it has one, and how many answers it gave."""

    question: str
    ours_ms: float
    rival_ms: float | None
    answers: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Time every question on every problem, check the answers, and write the table."""
    parser = argparse.ArgumentParser(description="Time fronts, sweeps, policy tables and explanations.")
    parser.add_argument("--out", type=Path, default=_RESULTS)
    parser.add_argument("--quick", action="store_true", help="Small problems, few points.")
    options = parser.parse_args(arguments)
    size, seeds, points = (SMALL, 1, 50) if options.quick else (FULL, 8, 1000)
    contests = [
        contest
        for seed in range(seeds)
        for level in _LEVELS.values()
        for contest in _contests(_problem(size, seed, level), points)
    ]
    write_bytes(options.out, _document(contests, size, seeds * len(_LEVELS)).encode())
    print(f"wrote {options.out}")


def _problem(size: Size, seed: int, level: Slo) -> Problem:
    problem = drawn_problem(
        seed, cuts=size.cuts, edge_points=size.edge_points, server_points=size.server_points, slo=level
    )
    solve(problem)  # The tables are arrays from here on, for both sides of every contest.
    return problem


def _contests(problem: Problem, points: int) -> Iterator[Contest]:
    front, ours_ms = _timed(lambda: pareto(problem))
    every, rival_ms = _timed(lambda: _front_of_everything(problem))
    assert [(plan.latency_bound_s, plan.energy_j) for plan in front] == every
    yield Contest(question="energy-latency front", ours_ms=ours_ms, rival_ms=rival_ms, answers=len(front))

    uplink_bps = problem.link.uplink_bps
    uplinks_bps = np.geomspace(uplink_bps / 16, uplink_bps * 16, points).tolist()
    swept, ours_ms = _timed(lambda: what_if(problem, uplinks_bps=uplinks_bps))
    each, rival_ms = _timed(lambda: [solve(with_uplink(problem, bps)) for bps in uplinks_bps])
    assert [_answer(plans[0]) for plans in swept.plans] == [_answer(plan) for plan in each]
    yield Contest(question=f"{points} uplinks", ours_ms=ours_ms, rival_ms=rival_ms, answers=_distinct(each))

    deadlines_s = np.linspace(0.002, 0.1, points).tolist()
    grid, ours_ms = _timed(lambda: what_if(problem, latencies_s=deadlines_s))
    each, rival_ms = _timed(lambda: [solve(with_deadline(problem, deadline_s)) for deadline_s in deadlines_s])
    assert [_answer(plan) for plan in grid.plans[0]] == [_answer(plan) for plan in each]
    yield Contest(question=f"{points} deadlines", ours_ms=ours_ms, rival_ms=rival_ms, answers=_distinct(each))

    table, ours_ms = _timed(lambda: break_points(problem, uplink_bps / 16, uplink_bps * 16))
    yield Contest(question="policy table", ours_ms=ours_ms, rival_ms=None, answers=len(table.rows))
    _, ours_ms = _timed(lambda: explain(problem))
    yield Contest(question="explanation", ours_ms=ours_ms, rival_ms=None, answers=1)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started_s = time.process_time()
    result = work()
    return result, 1e3 * (time.process_time() - started_s)


def _answer(plan: Plan) -> Plan:
    return replace(plan, evaluated=0, solve_s=0.0)


def _distinct(plans: Sequence[Plan]) -> int:
    return len({(plan.cut, plan.codec, plan.edge_point, plan.server_point) for plan in plans})


def _front_of_everything(problem: Problem) -> list[tuple[float, float]]:
    """T_q and J of the front, by numpy and without a bound: price all, sort, keep what is cheaper than all before."""
    timeless = with_deadline(problem, None)
    grids = grids_of(timeless)
    groups = groups_of(timeless, grids, keep_rate=True)
    home = price_many(timeless, edge_part(grids, grids.cuts - 1, slice(None)), Part(), Crossing())
    seconds, joules = [home.bound_s[home.feasible]], [home.energy_j[home.feasible]]
    points = np.arange(len(grids.wait_w))[:, None]
    for group in range(len(groups)):
        row = int(groups.row[group])
        edge, server = edge_part(grids, row, points), server_part(grids, row, slice(None))
        costs = price_many(timeless, edge, server, groups.crossing_at(group))
        seconds.append(costs.bound_s[costs.feasible])
        joules.append(costs.energy_j[costs.feasible])
    bound_s, energy_j = np.concatenate(seconds), np.concatenate(joules)
    order = np.lexsort((energy_j, bound_s))
    bound_s, energy_j = bound_s[order], energy_j[order]
    steps = np.concatenate(([True], energy_j[1:] < np.minimum.accumulate(energy_j)[:-1]))
    return list(zip(bound_s[steps].tolist(), energy_j[steps].tolist(), strict=True))


def _document(contests: Sequence[Contest], size: Size, problems: int) -> str:
    scope = (
        f"Measured {datetime.now(timezone.utc):%Y-%m-%d} on {_machine()}. Milliseconds are the processor's: the host "
        "is shared, and ratios are the figures."
    )
    contents = (
        f"{problems} problems of {size}, with deadlines; plans included. *Rival*: for the front every choice priced by "
        "numpy and sorted, for the sweeps `solve` at each point, on tables that are arrays already. Fronts, and plans "
        "of sweeps, were equal to their rivals' to the last bit. *Answers*: steps of the front, distinct choices of a "
        "sweep, rows of a table from 1/16 to 16 times the link's uplink."
    )
    lines = [
        "# Fronts, sweeps, policy tables and explanations",
        "",
        scope,
        "",
        contents,
        "",
        "| question | median | worst | rival, median | rival / ours | answers, median | most |",
        "|---|---|---|---|---|---|---|",
    ]
    for question in dict.fromkeys(contest.question for contest in contests):
        of_it = [contest for contest in contests if contest.question == question]
        ours = [contest.ours_ms for contest in of_it]
        rivals = [contest.rival_ms for contest in of_it if contest.rival_ms is not None]
        answers = [contest.answers for contest in of_it]
        rival = statistics.median(rivals) if rivals else None
        versus = ("", "") if rival is None else (f"{rival:.0f}", f"{rival / statistics.median(ours):.1f}")
        cells = (
            *(question, f"{statistics.median(ours):.1f}", f"{max(ours):.1f}"),
            *(*versus, f"{statistics.median(answers):.0f}", str(max(answers))),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join((*lines, ""))


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, one thread"
    )


if __name__ == "__main__":
    main()
