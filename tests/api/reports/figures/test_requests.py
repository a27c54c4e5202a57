"""Every request of a run at its place, told apart by who answered."""

from __future__ import annotations

import pytest

from joulecut.reports.charts import Points
from joulecut.reports.figures.requests import requests_chart
from tests.api.reports.tiny_problem import ledger


def test_requests_keep_their_order_and_their_server() -> None:
    """Places count from 1 in the order of sending; a fallback is a kind of its own; both panels hold all of them."""
    run = [ledger(), ledger(served_by="edge", total_s=0.05), ledger(served_by="edge", fallback=True, total_s=0.06)]
    times, joules = requests_chart(run, kind="emulated", deadline_s=0.045).panels
    found = {layer.name: layer for layer in times.layers if isinstance(layer, Points)}
    assert {name: points.x for name, points in found.items()} == {
        "split": (1.0,),
        "edge": (2.0,),
        "fallback to the edge": (3.0,),
    }
    assert [points.y[0] for points in found.values()] == pytest.approx([40.0, 50.0, 60.0])
    assert [rule.at for rule in times.rules] == [45.0]
    values = [value for layer in joules.layers if isinstance(layer, Points) for value in layer.y]
    assert values == pytest.approx([280.0, 280.0, 280.0])
