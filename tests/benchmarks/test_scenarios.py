"""The scenario sweep: its rows agree with each other, its table and summary with its rows."""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path

import pytest
from benchmarks.scenarios.cases import Goal, demo_grid, full_grid, quick_grid
from benchmarks.scenarios.csv_file import COLUMNS, csv_text
from benchmarks.scenarios.outcomes import Contest, Outcome, Verdict
from benchmarks.scenarios.shares import Spread, Tally, rank
from benchmarks.scenarios.summary import Provenance, summary_text
from benchmarks.scenarios.sweep import CHOOSING, sweep
from benchmarks.scenarios.variations import Variation, offer

from joulecut.demo.scenario import Scenario
from joulecut.demo.workplace import SHIPPED
from joulecut_core.errors import ProfileError
from joulecut_core.profiles import Profile, load_profile
from joulecut_core.wires import WireMeasurement, WireTable, load_wires
from joulecut_planner import Policy

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "results" / "scenarios" / "scenarios.csv"
DEMO = demo_grid(Scenario())


@cache
def shipped(device: str, side: str) -> Profile:
    """The demo's own profile of one of its devices."""
    (path,) = SHIPPED.glob(f"{device}-{side}-*.json")
    return load_profile(path)


@cache
def wires() -> WireTable:
    """The demo's measured wires."""
    return load_wires(SHIPPED / "wires.json")


@cache
def outcomes() -> tuple[Outcome, ...]:
    """A quick sweep, and the demo's case."""
    grids = (quick_grid(), DEMO)
    return tuple(
        outcome
        for grid in grids
        for outcome in sweep(grid, shipped, wires(), max_accuracy_loss=0.02, envelope_bytes=80)
    )


def demo_outcomes() -> tuple[Outcome, ...]:
    """The demo's case under each objective."""
    return outcomes()[-len(DEMO) :]


def contest(**changes: float | str | None) -> Contest:
    """A split at cut 2 of 4 that saves a fifth."""
    known: dict[str, object] = {
        "cut": 2,
        "last_cut": 4,
        "codec": "raw",
        "energy_j": 0.8,
        "all_edge_j": 1.0,
        "all_server_j": 1.5,
    }
    return Contest(**{**known, **changes})  # type: ignore[arg-type]


def test_the_full_grid_is_as_large_as_promised_and_holds_the_demo() -> None:
    """At least 2,240 scenarios, none twice, the demo's case among them."""
    grid = full_grid()
    assert len(grid) >= 2240
    assert len(set(grid.settings)) == len(grid.settings)
    assert len(set(grid.demands)) == len(grid.demands)
    assert set(DEMO.settings) <= set(grid.settings)
    assert set(DEMO.demands) <= set(grid.demands)


def test_joint_is_never_worse_than_a_choice_it_had() -> None:
    """The joint plan costs no more than any policy or unsplit plan that keeps the SLO, and is feasible if one is."""
    for outcome in outcomes():
        best_j = outcome.contest.energy_j
        others = [outcome.policies[policy] for policy in (*CHOOSING, Policy.CPU_DVFS)]
        others += [outcome.contest.all_edge_j, outcome.contest.all_server_j]
        feasible = [energy_j for energy_j in others if energy_j is not None]
        if best_j is None:
            assert not feasible
        else:
            assert best_j <= min(feasible, default=best_j) * (1 + 1e-9)


def test_an_unsplit_verdict_costs_what_that_side_alone_costs() -> None:
    """Verdict and contest agree: who does not split saves nothing by it."""
    for outcome in outcomes():
        for each in (outcome.contest, *outcome.sensitivity.values()):
            if each.verdict is Verdict.ALL_EDGE:
                assert each.energy_j == pytest.approx(each.all_edge_j, rel=1e-9)
            elif each.verdict is Verdict.ALL_SERVER:
                assert each.energy_j == pytest.approx(each.all_server_j, rel=1e-9)
            elif each.verdict is Verdict.INFEASIBLE:
                assert (each.energy_j, each.unsplit_j) == (None, None)


def test_an_even_jpeg_is_the_strongest_opponent() -> None:
    """With one more wire than `no-jpeg` and less spread than as offered, a plan can only cost less."""
    for outcome in outcomes():
        strongest_j = outcome.sensitivity[Variation.EVEN_JPEG].energy_j
        for weaker in (outcome.contest, outcome.sensitivity[Variation.NO_JPEG]):
            if weaker.energy_j is not None:
                assert strongest_j is not None
                assert strongest_j <= weaker.energy_j * (1 + 1e-9)


def test_offers_hold_their_jpeg_and_a_budget_that_admits_it() -> None:
    """Each variation has the JPEG it names, and can choose it."""
    for variation in Variation:
        offered = offer(variation, wires(), 0.02)
        jpegs = [wire for wire in offered.wires.wires if wire.codec.startswith("jpeg")]
        assert {wire.codec for wire in jpegs} == ({variation.jpeg} if variation.jpeg else set())
        assert all(wire.accuracy_loss <= offered.max_accuracy_loss for wire in jpegs)
        assert any(wire.std_bytes > 0 for wire in jpegs) is (
            variation.jpeg is not None and variation.value[:4] != "even"
        )


def test_a_table_without_the_jpeg_is_refused() -> None:
    """A sweep against a missing opponent would flatter."""
    raw = WireMeasurement(cut=0, codec="raw", mean_bytes=1.0, max_bytes=1, accuracy_loss=0.0, samples=1)
    table = WireTable(network="n", network_digest="d", samples_from="s", reply_bytes=1, wires=(raw,))
    with pytest.raises(ProfileError, match="jpeg98"):
        offer(Variation.AS_OFFERED, table, 0.0)


def test_the_table_has_its_columns_and_a_row_per_scenario() -> None:
    """What is written can be read back under the documented names; empty means that the SLO is not kept."""
    rows = list(csv.DictReader(io.StringIO(csv_text(outcomes()))))
    assert len(rows) == len(outcomes())
    for row, outcome in zip(rows, outcomes(), strict=True):
        assert tuple(row) == COLUMNS
        assert row["verdict"] == outcome.verdict.value
        assert (row["joint_mj"] == "") is (outcome.contest.energy_j is None)
        if outcome.contest.energy_j is not None:
            assert float(row["joint_mj"]) == pytest.approx(outcome.contest.energy_j * 1e3, abs=0.051)


def test_the_published_table_is_of_this_grid() -> None:
    """The committed results have today's columns, one row per scenario, and stay small."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(full_grid())
    assert PUBLISHED.stat().st_size <= 1_000_000


def test_tallies_count_what_they_name() -> None:
    """Verdicts, savings of splits only, and splits without an unsplit rival."""
    alone = contest(all_edge_j=None, all_server_j=None)
    edge = contest(cut=4, energy_j=1.0)
    server = contest(cut=0, energy_j=1.0)
    none = contest(cut=None, codec=None, energy_j=None, all_edge_j=None, all_server_j=None)
    tally = Tally.of([contest(), contest(energy_j=0.99), alone, edge, server, none])
    assert tally.verdicts == {
        Verdict.SPLIT: 3,
        Verdict.ALL_EDGE: 1,
        Verdict.ALL_SERVER: 1,
        Verdict.INFEASIBLE: 1,
    }
    assert (tally.only_split, tally.saving_at_least(0.05), tally.saving.count) == (1, 1, 2)
    assert tally.saving.largest == pytest.approx(0.2)
    assert tally.share(Verdict.SPLIT) == pytest.approx(0.5)


def test_ranks_and_spreads_leave_out_what_is_unknown() -> None:
    """A place among known savings; the spread of none is no number."""
    assert rank(0.2, [0.1, None, 0.3, 0.2]) == (2, 3)
    assert Spread.of([None, 0.1, 0.3]).median == pytest.approx(0.2)
    assert Spread.of([None]).count == 0


def test_the_summary_names_its_scope_and_the_demo() -> None:
    """No figure without saying that it is estimated, when and with what."""
    provenance = Provenance(date="2026-01-02", versions="joulecut 9", network_digest="sha256:d", wires="some", seed=7)
    text = summary_text(outcomes(), demo_outcomes(), provenance)
    assert "estimated" in text.splitlines()[2]
    for words in ("2026-01-02", "joulecut 9", "sha256:d", "## The demo's case"):
        assert words in text
    assert all(f"**{goal.value}**: {DEMO.settings[0].board}" in text for goal in Goal)
    assert "nan%" not in text
