"""The table over bandwidths: each verdict is what the plan is, and the saving is the split's alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut.demo.results import SweepRow
from joulecut.demo.sweep import sweep_rows
from joulecut_core.problems import Objective, Slo
from tests.planner.synthetic_profiles import planning_inputs

BANDWIDTHS_BPS = (1e5, 1e6, 3e6, 5e6, 1e7, 1e8, 1e10)


def _rows(*, objective: Objective | None = None, latency_s: float = 0.06) -> list[SweepRow]:
    inputs = planning_inputs(slo=Slo(latency_s=latency_s, quantile=0.99, margin="gaussian", rate_hz=10.0))
    priced = replace(inputs, objective=objective or Objective(server_weight=0.0))
    return list(sweep_rows("battery", priced, BANDWIDTHS_BPS))


def test_verdicts_over_bandwidth() -> None:
    """For the battery: alone on a slow link, everything away on a fast one, the split where neither is best."""
    rows = _rows()
    assert [row.bandwidth_bps for row in rows] == list(BANDWIDTHS_BPS)
    assert {row.objective for row in rows} == {"battery"}
    verdicts = [row.verdict for row in rows]
    assert verdicts[0] == "all-edge"
    assert verdicts[-1] == "all-server"
    assert "split" in verdicts
    order = ["all-edge", "split", "all-server"]
    assert verdicts == sorted(verdicts, key=order.index)


def test_rows_hold_what_the_verdict_says() -> None:
    """Cut, clocks and joules fit the verdict; no unsplit plan is cheaper than the joint one."""
    for row in _rows():
        assert row.cut is not None
        assert row.energy_j is not None
        assert row.edge_clock is not None
        assert {"all-edge": row.cut == 4, "all-server": row.cut == 0, "split": 0 < row.cut < 4}[row.verdict]
        assert (row.server_clock is None) is (row.verdict == "all-edge")
        unsplit = {"all-edge": row.all_edge_j, "all-server": row.all_server_j}
        if row.verdict in unsplit:
            assert unsplit[row.verdict] == pytest.approx(row.energy_j)
        for energy_j in unsplit.values():
            assert energy_j is None or energy_j >= row.energy_j * (1 - 1e-9)


def test_a_faster_link_never_costs_more() -> None:
    """The same choices only become cheaper."""
    energies = [row.energy_j for row in _rows()]
    known = [energy_j for energy_j in energies if energy_j is not None]
    assert known == sorted(known, reverse=True)


def test_what_cannot_be_kept_is_infeasible() -> None:
    """A deadline that nobody keeps on a slow link has no plan there, and no figures."""
    rows = _rows(latency_s=0.005)
    slowest = rows[0]
    assert slowest.verdict == "infeasible"
    nothing = (slowest.cut, slowest.cut_name, slowest.codec, slowest.edge_clock, slowest.server_clock)
    assert nothing == (None,) * 5
    assert (slowest.energy_j, slowest.all_edge_j, slowest.all_server_j) == (None,) * 3


def test_the_objective_decides() -> None:
    """Where the server's joules count in full, a data-centre GPU is not worth its idling."""
    rows = _rows(objective=Objective(server_weight=1.0, server_idle_share=1.0))
    assert {row.verdict for row in rows} == {"all-edge"}
