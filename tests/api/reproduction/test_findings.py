"""Numbers of the summary, recomputed from the rows that they name."""

from __future__ import annotations

import re
import statistics

import pytest

from joulecut.reproduction.findings import finding
from joulecut.reproduction.headlines import headlines
from tests.api.reproduction.made_up_result import reproduction

RESULT = reproduction()
MEASURED = "measured latency, estimated energy"


def test_numbers_are_unique_and_say_where_they_are_from() -> None:
    """Each row of the summary has a number of its own, a name of its own, and names a sheet and rows."""
    findings = RESULT.findings
    assert len({each.row for each in findings}) == len({(each.case, each.of, each.what) for each in findings})
    assert len({each.row for each in findings}) == len(findings)
    assert {each.sheet for each in findings} == {"local.csv", "memory.csv", "cooperative.csv"}
    assert all(each.rows and each.row_count > 0 for each in findings)


def test_local_numbers() -> None:
    """Reductions are those of joulecut's rows of that kind; the paper's bounds are what counts as reached."""
    rows = [row for row in RESULT.local if row.latency_kind == "measured"]
    alone = [row for row in rows if (row.goal, row.parameter, row.model) == ("weighted", 0.0, "joulecut")]
    least = finding(RESULT.findings, MEASURED, "least energy reduction, energy alone")
    assert least.value == min(row.energy_reduction for row in alone)
    assert least.shown == f"{least.value:.1%}"
    reached = finding(RESULT.findings, MEASURED, "series that reach the claim, energy alone")
    assert reached.value == sum(row.time_reduction >= 0.66 and row.energy_reduction >= 0.69 for row in alone)
    assert reached.shown in {"0", "1"}
    mixed = [row for row in rows if row.goal == "weighted" and row.parameter > 0 and row.model == "joulecut"]
    median = finding(RESULT.findings, MEASURED, "median time reduction, time counts too")
    assert (median.value, median.row_count) == (statistics.median(row.time_reduction for row in mixed), len(mixed))


def test_cooperative_numbers() -> None:
    """Three cases: one saves three quarters, one nothing, one is a broken promise that counts for no saving."""

    def value(what: str) -> float:
        return finding(RESULT.findings, "all", what).value

    assert value("cases") == 3
    assert value("cases with another cut") == 2
    assert value("of these with less energy") == 1
    assert value("cases with more energy though both keep the deadline") == 0
    assert value("median energy reduction where both keep the deadline") == pytest.approx(0.375)
    assert value("largest energy reduction where both keep the deadline") == pytest.approx(0.75)
    assert value("deadlines missed, cpu-dvfs") == pytest.approx(1 / 3)
    assert value("promised and missed, cpu-dvfs") == 1
    assert value("median error of expected energy, dvfs-aware") == pytest.approx(0.5)


def test_memory_numbers() -> None:
    """Misses are shares of the rows of one rule and one sight."""
    of = "made-up board: measured latency, estimated energy"
    rows = [
        row
        for row in RESULT.memory
        if (row.device, row.setting, row.rule, row.sight) == ("made-up board", "given", "slowest in time", "blind")
    ]
    found = finding(RESULT.findings, of, "missed, slowest in time, blind")
    assert found.value == statistics.fmean(row.missed for row in rows) > 0
    assert found.row_count == len(rows)


def test_headlines_are_made_of_findings() -> None:
    """A sentence for each kind of figure; every number but the claim's is a finding's, and named."""
    sentences = headlines(RESULT.findings)
    assert [sentence.text.split(" (")[0] for sentence in sentences] == [
        *("Local", "Local", "Cooperative", "Memory clock", "Memory clock")
    ]
    by_row = {each.row: each for each in RESULT.findings}
    for sentence in sentences:
        shown = [by_row[ref].shown for ref in sentence.refs]
        body = sentence.text.split("): ", 1)[1].replace("(66 %, 69 %)", "")
        assert re.findall(r"-?\d+(?:\.\d+)?%?", body) == shown


def test_unknown_names_are_refused() -> None:
    """A misspelt name is not silently nothing."""
    with pytest.raises(LookupError, match="no 'median' of 'all'"):
        finding(RESULT.findings, "all", "median")
