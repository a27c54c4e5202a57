"""More requests than the plans were made for are told of, with both rates."""

from __future__ import annotations

import logging

import pytest

from joulecut_edge.requests.demand import Demand


def warnings(
    caplog: pytest.LogCaptureFixture, demand: Demand, *, every_s: float, requests: int, planned_hz: float | None
) -> list[str]:
    """What is said while so many requests come."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        for number in range(requests):
            demand.came(number * every_s, planned_hz=planned_hz, waiting=7)
    return caplog.messages


def test_more_than_planned(caplog: pytest.LogCaptureFixture) -> None:
    """Eight a second where two were planned: said after a while, and again ten minutes later."""
    asked = warnings(caplog, Demand(), every_s=0.125, requests=8 * 700, planned_hz=2.0)
    assert len(asked) == 2
    assert "8 requests a second come" in asked[0]
    assert "rate_hz = 2:" in asked[0]
    assert "7 wait now" in asked[0]


@pytest.mark.parametrize(("every_s", "planned_hz"), [(0.45, 2.0), (0.001, None)])
def test_what_was_planned(caplog: pytest.LogCaptureFixture, every_s: float, planned_hz: float | None) -> None:
    """A little more than planned is what chance brings, and without a rate nothing was."""
    assert warnings(caplog, Demand(), every_s=every_s, requests=2000, planned_hz=planned_hz) == []


def test_a_burst(caplog: pytest.LogCaptureFixture) -> None:
    """Ninety at once, as after a pause of an application, say nothing of a rate."""
    assert warnings(caplog, Demand(), every_s=0.001, requests=90, planned_hz=2.0) == []


def test_another_rate(caplog: pytest.LogCaptureFixture) -> None:
    """Plans made for another rate are compared with what comes from then on."""
    demand = Demand()
    warnings(caplog, demand, every_s=0.125, requests=99, planned_hz=2.0)
    assert warnings(caplog, demand, every_s=0.125, requests=400, planned_hz=8.0) == []
