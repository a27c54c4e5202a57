"""The solver's benchmark runs, compares the plans it times, and says where it ran."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.milp import solve_milp
from benchmarks.solver import main
from benchmarks.solver_cases import SMALL, drawn_cases, linear_problems

from joulecut_core.plans import OPTIMAL
from joulecut_planner.exact.solver import solve

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "results" / "solver.md"


def test_a_quick_run_writes_every_family(tmp_path: Path) -> None:
    """One row for each family and one for all, the comparison with HiGHS, and the machine."""
    out = tmp_path / "solver.md"
    main(["--quick", "--out", str(out)])
    text = out.read_text(encoding="utf-8")
    for case in drawn_cases(SMALL, range(1)):
        assert f"| {case.family} |" in text
    assert "| **all** |" in text
    assert "HiGHS alone" in text
    assert "numpy" in text


def test_a_linear_programme_finds_the_same_optimum() -> None:
    """HiGHS and the solver agree on the least J, far within a millionth."""
    for problem in linear_problems(SMALL, range(3)):
        plan = solve(problem)
        if plan.status == OPTIMAL:
            assert solve_milp(problem).energy_j == pytest.approx(plan.energy_j, rel=1e-9)


def test_what_is_published_covers_the_families() -> None:
    """The committed table has the families that the benchmark has."""
    text = PUBLISHED.read_text(encoding="utf-8")
    assert all(f"| {case.family} |" in text for case in drawn_cases(SMALL, range(1)))
