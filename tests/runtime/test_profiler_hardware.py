"""The profiler on a real device's parts: what was achieved is what counts, and a device without a meter is refused."""

from __future__ import annotations

import logging

import pytest

from joulecut_core.errors import DeviceError, LeaseError
from joulecut_core.figures import FigureKind
from joulecut_core.profiles import Profile
from joulecut_core.timing import ManualClock
from joulecut_planner.side_models import side_model
from joulecut_runtime.devices.hardware.settling import SettlePlan
from joulecut_runtime.profiling.profiler import profile_network
from tests.fakes.hardware import FakeAuthority, FakeHardware, ladder, opened
from tests.runtime.bench import INPUTS, QUICK
from tests.runtime.small_network import small_network


def profiled(hardware: FakeHardware, authority: FakeAuthority | None = None) -> Profile:
    """The small network on the device; every synchronisation takes a tera-operation."""
    hardware.pending_flops = 1e12
    device = opened(hardware, authority, settling=SettlePlan(poll_s=0.002, time_out_s=0.02))
    try:
        return profile_network(small_network(), device, side="edge", clock=hardware.clock, inputs=INPUTS, plan=QUICK)
    finally:
        device.close()


def test_figures_are_measured_at_the_clocks_held() -> None:
    """Every point is held and achieved, its watts are the device's, and nothing stays set."""
    hardware = FakeHardware(clock=ManualClock())
    profile = profiled(hardware)
    assert profile.figures is FigureKind.MEASURED
    for point in profile.points:
        assert point.achieved == point.requested
        assert point.whole_s == pytest.approx(1.0 / point.achieved.core_mhz * 1e3)
        assert point.busy_w == pytest.approx(4.0 + 0.02 * point.achieved.core_mhz, rel=0.01)
        assert point.wait_w == pytest.approx(4.0 + 0.004 * point.achieved.core_mhz, rel=0.01)
    assert hardware.held is None


def test_a_capped_clock_is_profiled_as_what_it_achieved(caplog: pytest.LogCaptureFixture) -> None:
    """Asked for 1200 MHz and running at 900: reported, kept as 900, and planned as no faster than asking for 900."""
    hardware = FakeHardware(clock=ManualClock(), table=ladder((2000.0,)), ceiling_mhz=900.0)
    with caplog.at_level(logging.WARNING):
        profile = profiled(hardware)
    assert "ran at 900/2000 MHz instead of 1200/2000 MHz (power-cap)" in caplog.text
    top = profile.points[-1]
    assert (top.requested.core_mhz, top.achieved.core_mhz) == (1200.0, 900.0)
    assert {part.achieved.core_mhz for part in profile.parts} == {300.0, 900.0}
    model = side_model(profile)
    assert model.points[-1].core_mhz == 1200.0
    assert model.time_s[-1, -1] == pytest.approx(1e3 / 900.0, rel=0.02)


def test_a_device_without_a_meter_is_refused() -> None:
    """Watts that nobody measured are not made up."""
    with pytest.raises(DeviceError, match="has no energy meter"):
        profiled(FakeHardware(clock=ManualClock(), period_s=None))


def test_a_device_whose_clocks_nobody_lends_is_refused_with_the_remedy() -> None:
    """What the authority says gets through to whoever profiles."""
    hardware = FakeHardware(clock=ManualClock())
    authority = FakeAuthority(hardware=hardware, refusal="start joulecut-clockd or run as root")
    with pytest.raises(LeaseError, match="start joulecut-clockd or run as root"):
        profiled(hardware, authority)
