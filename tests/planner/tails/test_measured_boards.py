"""What public measurements say of margins: a board's 99th percentile against the mean and spread of the same runs."""

from __future__ import annotations

import csv
from statistics import NormalDist, median

import pytest

from joulecut_planner.tails.moments import MomentTail
from joulecut_planner.tails.tail import TailMethod
from tests.architecture.tree import ROOT

ORIN_NANO = ROOT.parent / "shared" / "data" / "dvfs" / "orin_nano.csv"


@pytest.mark.skipif(not ORIN_NANO.is_file(), reason="../shared/data is not there")
def test_an_orin_nano_is_not_normal_and_keeps_cantelli() -> None:
    """Of 48 operating points most exceed the normal 99th percentile of their own runs, and none exceeds Cantelli's."""
    with ORIN_NANO.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    above = {TailMethod.GAUSSIAN: 0, TailMethod.CANTELLI: 0}
    for row in rows:
        for method in above:
            tail = MomentTail(
                method=method,
                samples=int(row["n_repeats"]),
                mean=float(row["latency_s"]),
                std=float(row["latency_std_s"]),
            )
            above[method] += float(row["latency_p99_s"]) > tail.quantile(0.99)
    factors = [(float(row["latency_p99_s"]) - float(row["latency_s"])) / float(row["latency_std_s"]) for row in rows]
    assert len(rows) == 48
    assert above == {TailMethod.GAUSSIAN: 40, TailMethod.CANTELLI: 0}
    assert median(factors) > 1.3 * NormalDist().inv_cdf(0.99)
