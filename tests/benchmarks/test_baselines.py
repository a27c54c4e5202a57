"""The comparison of baselines: its problems are what it says, its table follows from its plans."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from benchmarks.baselines import (
    COLUMNS,
    DRAWN_SEEDS,
    JOINT,
    RESULTS,
    Outcome,
    Standing,
    compared,
    csv_text,
    main,
    shipped_problems,
)
from benchmarks.drawn_pairs import DEADLINE_FACTORS, UPLINKS_BPS, drawn_problems
from benchmarks.scenarios.cases import Goal

from joulecut_core.plans import INFEASIBLE, OPTIMAL, Plan
from joulecut_planner.baselines import BASELINES


@cache
def outcomes() -> tuple[Outcome, ...]:
    """One drawn pair and the quick half of the shipped one."""
    return (*compared("drawn", drawn_problems(range(1))), *compared("shipped", shipped_problems(quick=True)))


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a table, by column."""
    return list(csv.DictReader(io.StringIO(text)))


def plan_of(energy_j: float, *, solve_s: float = 1.0, binding: tuple[str, ...] = ()) -> Plan:
    """A plan of known energy and time; infeasible where it breaks something."""
    known = outcomes()[0].plans[JOINT]
    status = INFEASIBLE if binding else OPTIMAL
    return replace(known, status=status, energy_j=energy_j, solve_s=solve_s, binding=binding)


def test_quick_run_writes_both_files(tmp_path: Path) -> None:
    """The command's short form plans two pairs and the demo's, and says in the summary what the figures are."""
    main(["--quick", "--out", str(tmp_path)])
    summary = (tmp_path / "baselines.md").read_text(encoding="utf-8")
    assert "estimated. Planned on tables, nothing run." in summary
    for name in BASELINES:
        assert summary.count(f"\n| {name} |") == summary.count("\n## ") >= 3
    rows = rows_of((tmp_path / "baselines.csv").read_text(encoding="utf-8"))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2 * len(UPLINKS_BPS) * len(DEADLINE_FACTORS) + 16


def test_published_table_has_a_row_per_problem_and_no_baseline_below_the_joint_plan() -> None:
    """The committed figures are of these baselines and this grid, and none of them beats the exact plan."""
    rows = rows_of((RESULTS / "baselines.csv").read_text(encoding="utf-8"))
    assert tuple(rows[0]) == COLUMNS
    drawn = len(DRAWN_SEEDS) * len(UPLINKS_BPS) * len(DEADLINE_FACTORS)
    assert len([row for row in rows if row["set"] == "drawn"]) == drawn
    assert len({(row["problem"], row["objective"]) for row in rows}) == len(rows)
    for row in rows:
        kept = [float(row[f"{name}_mj"]) for name in BASELINES if row[f"{name}_mj"]]
        if kept:
            assert float(row[f"{JOINT}_mj"]) <= min(kept) * (1.0 + 1e-6) + 0.001


def test_published_rows_are_what_is_planned_now() -> None:
    """The first drawn pair of the committed table, planned again, costs the same: seeds and rules have not moved."""
    again = rows_of(csv_text(outcomes()[: len(UPLINKS_BPS) * len(DEADLINE_FACTORS)]))
    published = rows_of((RESULTS / "baselines.csv").read_text(encoding="utf-8"))[: len(again)]
    for old, new in zip(published, again, strict=True):
        assert old["problem"] == new["problem"]
        for name in BASELINES:
            cells = old[f"{name}_mj"], new[f"{name}_mj"]
            assert bool(cells[0]) == bool(cells[1]), (old["problem"], name)
            if cells[0]:
                assert float(cells[0]) == pytest.approx(float(cells[1]), rel=1e-6, abs=0.0011)


def test_drawn_tables_look_like_boards() -> None:
    """A higher clock is faster and draws more, a part of both ignores the clock, waiting costs less than work."""
    problem = next(drawn_problems(range(7, 8))).problem
    for side in (problem.variants[0].edge, problem.variants[0].server):
        busiest = max(range(len(side.time_s)), key=lambda cut: side.time_s[cut][0])
        assert (np.diff(side.time_s[busiest]) < 0.0).all()
        assert (np.diff(side.busy_w[busiest]) > 0.0).all()
        assert side.busy_w[busiest][0] > 0.15 * side.busy_w[busiest][-1]
    clock = problem.edge.points[-1].core_mhz / problem.edge.points[0].core_mhz
    whole_s = problem.variants[0].edge.time_s[-1]
    assert 1.0 < whole_s[0] / whole_s[-1] < clock**1.3
    assert all(
        point.wait_w < busy_w
        for point, busy_w in zip(problem.edge.points, problem.variants[0].edge.busy_w[-1], strict=True)
    )


def test_the_same_seed_draws_the_same_problem() -> None:
    """Published figures can be made again."""
    first, second = (next(drawn_problems(range(3, 4))) for _ in range(2))
    assert first == second


def test_standing_counts_what_it_names() -> None:
    """Shares of all problems with a joint plan; excess of those that the baseline keeps; ratios problem by problem."""
    name = "all-edge"
    posed = [
        Outcome(group="g", goal=Goal.TOTAL, name="a", plans={JOINT: plan_of(2.0, solve_s=0.5), name: plan_of(3.0)}),
        Outcome(group="g", goal=Goal.TOTAL, name="b", plans={JOINT: plan_of(2.0), name: plan_of(2.0)}),
        Outcome(
            group="g", goal=Goal.TOTAL, name="c", plans={JOINT: plan_of(2.0), name: plan_of(1.0, binding=("latency",))}
        ),
        Outcome(
            group="g",
            goal=Goal.TOTAL,
            name="d",
            plans={JOINT: plan_of(2.0), name: plan_of(1.0, binding=("latency", "rate"))},
        ),
        Outcome(
            group="g", goal=Goal.TOTAL, name="e", plans={JOINT: plan_of(1.0, binding=("rate",)), name: plan_of(9.0)}
        ),
    ]
    standing = Standing.of(name, posed)
    assert (standing.kept, standing.late, standing.congested, standing.same) == (0.5, 0.5, 0.25, 0.25)
    assert (standing.mean, standing.median, standing.p95) == (0.25, 0.25, 0.5)
    assert standing.time_ratio == 1.0
