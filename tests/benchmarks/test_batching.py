"""The batching comparison: its fleets are what they are said to be, its table says what the plans say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from benchmarks.batching import KINDS, SIZES, Fleet, Kind, Outcome, document, drawn, main, plans

from joulecut_planner.batching import BatchingPolicyName

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "results" / "batching.md"
JOINT = BatchingPolicyName.JOINT_BATCHING


@cache
def outcomes() -> tuple[Outcome, ...]:
    """One small fleet of each kind, planned by every policy."""
    return tuple(Outcome(fleet=fleet, plans=plans(fleet)) for fleet in drawn((4,), 1, 7))


def test_the_same_seed_draws_the_same_fleets_of_every_kind() -> None:
    """A published table can be made again, and no kind is missing from it."""
    once, again, other = (list(drawn((3,), 1, seed)) for seed in (1, 1, 2))
    assert [fleet.problem for fleet in once] == [fleet.problem for fleet in again]
    assert once[0].problem != other[0].problem
    assert [fleet.kind for fleet in once] == list(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_fleet_is_of_its_kind(kind: Kind) -> None:
    """Deadlines are equal or not, the server's joules count or not, there is a rate or not."""
    (fleet,) = (outcome.fleet for outcome in outcomes() if outcome.fleet.kind == kind)
    problems = [edge.problem for edge in fleet.problem.edges]
    assert (len({problem.slo.latency_s for problem in problems}) == 1) == kind.alike
    assert {problem.objective.server_weight for problem in problems} == {0.0 if kind.battery else 1.0}
    assert all((problem.slo.rate_hz is not None) == kind.periodic for problem in problems)
    assert len({problem.link.uplink_bps for problem in problems}) == len(problems)
    assert len({problem.variants[0].edge.time_s for problem in problems}) == len(problems)


def test_a_larger_batch_takes_longer_and_less_per_request() -> None:
    """What the comparison assumes of batches is what makes them worth considering, and no more."""
    fleet: Fleet = outcomes()[0].fleet
    tables = fleet.problem.tables()
    assert tuple(each.batch for each in tables) == (1, *SIZES)
    times_s = [each.time_s[0][0] for each in tables]
    assert times_s == sorted(times_s)
    each_s = [time_s / table.batch for time_s, table in zip(times_s, tables, strict=True)]
    assert each_s == sorted(each_s, reverse=True)


def test_no_policy_beats_the_joint_plan_on_these_fleets() -> None:
    """All policies keep every deadline of these fleets, and none for fewer joules."""
    for outcome in outcomes():
        for policy in BatchingPolicyName:
            ratio = outcome.ratio(JOINT, policy)
            assert ratio is not None
            assert ratio <= 1 + 1e-9


def test_beyond_the_exact_search_the_joint_plan_is_more_than_the_best_baseline() -> None:
    """Seven edges on battery with equal deadlines: the search in orders finds what none of the others does."""
    kind = Kind(battery=True, periodic=False, alike=True)
    (fleet,) = (each for each in drawn((4, 7), 1, 1) if (each.edges, each.kind) == (7, kind))
    outcome = Outcome(fleet=fleet, plans=plans(fleet))
    for policy in set(BatchingPolicyName) - {JOINT}:
        ratio = outcome.ratio(JOINT, policy)
        assert ratio is not None
        assert ratio < 0.999


def test_the_table_has_a_row_for_every_kind_and_says_what_it_is() -> None:
    """Estimated is said before the first figure, and every kind has its row."""
    text = document(outcomes(), seed=7)
    rows = [line for line in text.splitlines() if line.startswith(("| total", "| battery"))]
    assert len(rows) == len(KINDS)
    assert text.index("estimated") < text.index(rows[0])
    assert all(len(row.split("|")) == len(text.splitlines()[-len(KINDS) - 1].split("|")) for row in rows)


def test_quick_writes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command works as its README says."""
    out = tmp_path / "batching.md"
    main(["--quick", "--out", str(out)])
    assert "wrote" in capsys.readouterr().out
    assert out.read_text(encoding="utf-8").startswith("# Batching on the server")


def test_the_published_table_is_of_more_than_fifty_fleets() -> None:
    """The figures in the documents rest on the published sweep, not on a quick one."""
    text = PUBLISHED.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith(("| total", "| battery"))]
    assert sum(int(row.split("|")[5]) for row in rows) > 50
