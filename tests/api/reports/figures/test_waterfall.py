"""The stairs of one request: each stage where the one before ended, everything accounted for."""

from __future__ import annotations

import pytest

from joulecut.reports.charts import Bars, Panel
from joulecut.reports.figures.requests import energy_of
from joulecut.reports.figures.waterfall import (
    joules_of,
    planned_joules,
    planned_seconds,
    seconds_of,
    waterfall_chart,
)
from joulecut_planner import solve
from tests.api.reports.tiny_problem import ledger, tiny_problem


def stairs(panel: Panel) -> list[tuple[float, float]]:
    """Start and length of every bar, from the top."""
    bars = [layer for layer in panel.layers if isinstance(layer, Bars)]
    placed = [step for bar in bars for step in zip(bar.places, bar.starts, bar.values, strict=True)]
    return [(start, length) for _, start, length in sorted(placed)]


def test_seconds_of_a_ledger() -> None:
    """Eight stages in order and the 2 ms that none of them saw; starts are sums of what came before."""
    panel, _ = waterfall_chart(seconds_of(ledger()), joules_of(ledger()), what="it", kind="emulated").panels
    assert stairs(panel) == [
        pytest.approx(step)
        for step in ((0, 1), (1, 10), (11, 1), (12, 20), (32, 1), (33, 1), (34, 2), (36, 2), (38, 2))
    ]
    assert [text for _, text in panel.y.ticks][-1] == "between the stages"
    assert panel.sideways


def test_nothing_is_made_up_where_stages_are_the_whole() -> None:
    """A ledger whose stages add up has no further stage; neither has one whose stages are longer, by rounding."""
    assert len(seconds_of(ledger(total_s=0.038))) == len(seconds_of(ledger(total_s=0.0379))) == 8


def test_joules_of_a_ledger() -> None:
    """All six shares of the ledger, whose sum is the request's energy."""
    shares = joules_of(ledger())
    assert [share.amount for share in shares] == [0.05, 0.02, 0.001, 0.009, 0.19, 0.01]
    assert sum(share.amount for share in shares) == pytest.approx(energy_of(ledger())) == pytest.approx(0.28)


def test_a_plans_stairs_end_at_its_latency_and_energy() -> None:
    """The stages of a breakdown are T, its joules both sides' energy."""
    plan = solve(tiny_problem())
    assert plan.breakdown is not None
    chart = waterfall_chart(
        planned_seconds(plan.breakdown), planned_joules(plan.breakdown), what="it", kind="estimated"
    )
    ends = [max(start + length for start, length in stairs(panel)) for panel in chart.panels]
    assert ends == pytest.approx([37.8, 277.8])
