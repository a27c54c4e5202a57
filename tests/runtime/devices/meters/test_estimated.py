"""Configured watts: estimates that say so, for devices that have nothing better."""

from __future__ import annotations

import math

import pytest

from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.hardware.probe import MeterKind, Probe, WorkListener
from joulecut_runtime.devices.meters import EstimatedMeter
from joulecut_runtime.profiling.meter_windows import busy_window, idle_window
from tests.fakes.hardware import FakeAuthority, FakeHardware, FakeProbe


def hardware() -> FakeHardware:
    """A device without a meter."""
    return FakeHardware(clock=ManualClock(), period_s=None)


def test_windows_give_back_the_configured_watts() -> None:
    """Busy back to back and idle, through the profiler's own windows on a real device's class."""
    fake = hardware()
    meter = EstimatedMeter(FakeProbe(fake), clock=fake.clock, busy_w=15.0, wait_w=5.0)
    device = HardwareDevice(meter, FakeAuthority(hardware=fake), clock=fake.clock, synchronise=fake.synchronise)

    def run() -> float:
        with device.execution(Workload(blocks=())) as execution:
            fake.clock.advance_s(0.004)
        return execution.elapsed_s

    assert busy_window(device, fake.clock, run, periods=10, runs=10).energy.power_w == pytest.approx(15.0)
    assert idle_window(device, fake.clock, periods=10).power_w == pytest.approx(5.0)


def test_work_that_fails_is_over() -> None:
    """An execution that raises leaves the meter at the waiting watts, not at work for ever."""
    fake = hardware()
    meter = EstimatedMeter(FakeProbe(fake), clock=fake.clock, busy_w=15.0, wait_w=5.0)
    device = HardwareDevice(meter, FakeAuthority(hardware=fake), clock=fake.clock, synchronise=fake.synchronise)
    seen_w: list[float | None] = []

    def fail() -> None:
        with device.execution(Workload(blocks=())):
            seen_w.append(device.state().power_w)
            raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError, match="the work failed"):
        fail()
    assert seen_w == [15.0]
    assert device.state().power_w == 5.0


def test_it_says_what_it_is() -> None:
    """Kind, scope and remark: nobody takes a configured watt for a measured one."""
    fake = hardware()
    meter = EstimatedMeter(FakeProbe(fake), clock=fake.clock, busy_w=15.0, wait_w=5.0)
    probe: Probe = meter
    assert isinstance(probe, WorkListener)
    assert probe.info.figures is FigureKind.ESTIMATED
    assert probe.info.power_scope == "configured 15 W busy, 5 W waiting"
    assert probe.capabilities.meter is MeterKind.CONFIGURED
    assert "no joule here is measured" in probe.capabilities.remarks[-1]
    assert probe.clock_table == fake.table
    assert probe.board == "fake:0"
    probe.close()
    assert fake.closed


@pytest.mark.parametrize(
    ("busy_w", "wait_w"),
    [(5.0, 15.0), (0.0, 0.0), (15.0, 0.0), (-1.0, -2.0), (math.inf, 1.0), (math.nan, 1.0), (1e9, 1.0)],
)
def test_nonsense_is_refused(busy_w: float, wait_w: float) -> None:
    """Waiting above working, zero, negative, endless or of a power station."""
    fake = hardware()
    with pytest.raises(ConfigError, match=r"expected 0 < wait_w <= busy_w"):
        EstimatedMeter(FakeProbe(fake), clock=fake.clock, busy_w=busy_w, wait_w=wait_w)


def test_a_device_with_a_meter_keeps_it() -> None:
    """Measured joules are never replaced by somebody's guess."""
    fake = FakeHardware(clock=ManualClock())
    with pytest.raises(ConfigError, match="has a meter"):
        EstimatedMeter(FakeProbe(fake), clock=fake.clock, busy_w=15.0, wait_w=5.0)
