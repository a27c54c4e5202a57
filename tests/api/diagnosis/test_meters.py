"""How often a meter is found to change, and what is said about it."""

from __future__ import annotations

import pytest

from joulecut.diagnosis.finding import Finding, Status
from joulecut.diagnosis.meters import examine_meter, measured_period_s
from joulecut_core.timing import ManualClock
from tests.fakes.hardware import FakeHardware, FakeProbe


def told(probe: FakeProbe, clock: ManualClock) -> Finding:
    """The one finding about a probe's meter."""
    (finding,) = examine_meter("fake", probe, clock)
    return finding


@pytest.mark.parametrize("period_s", [0.01, 0.02, 0.1])
def test_the_period_is_measured_not_believed(period_s: float) -> None:
    """The counter's own changes give it back, for every period seen on real boards."""
    clock = ManualClock(5.0)
    probe = FakeProbe(FakeHardware(clock=clock, period_s=period_s))
    assert measured_period_s(probe, clock) == pytest.approx(period_s, rel=0.02)


def test_a_counter_in_order() -> None:
    """Kind, scope, period and draw stand in the finding."""
    clock = ManualClock(1.0)
    finding = told(FakeProbe(FakeHardware(clock=clock, period_s=0.02)), clock)
    assert finding.status is Status.OK
    assert finding.facts["meter"] == "counter"
    assert finding.facts["power_scope"] == "fake board"
    assert finding.facts["measured_period_s"] == pytest.approx(0.02)
    assert "every 20 ms as seen" in finding.what


def test_a_slower_meter_than_said_is_a_warning() -> None:
    """Windows cut to the period the backend believes in would be too short."""
    clock = ManualClock(1.0)
    hardware = FakeHardware(clock=clock, period_s=0.02)
    probe = FakeProbe(hardware)
    hardware.period_s = 0.1
    finding = told(probe, clock)
    assert finding.status is Status.WARNING
    assert "every 100 ms" in finding.what
    assert "expected every 20 ms" in finding.what


def test_a_meter_that_stands_still_is_a_problem() -> None:
    """Looking ends after its limit, and a dead counter is not taken for zero joules."""
    clock = ManualClock(1.0)
    probe = FakeProbe(FakeHardware(clock=clock, period_s=1000.0))
    finding = told(probe, clock)
    assert finding.status is Status.PROBLEM
    assert finding.facts["measured_period_s"] is None
    assert clock.now_s() == pytest.approx(2.5, abs=0.01)


def test_no_meter_is_a_normal_case() -> None:
    """Time can be measured without one; the way to estimated joules is named."""
    clock = ManualClock()
    finding = told(FakeProbe(FakeHardware(clock=clock, period_s=None)), clock)
    assert finding.status is Status.NOTE
    assert finding.facts["meter"] == "none"
    assert "estimated" in (finding.remedy or "")
