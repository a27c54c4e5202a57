"""What a real device adds to the Device contract: settling, lost clocks, joules of long runs, hardware that fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, ConfigError, DeviceError, LeaseError
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.hardware.execution import METERED_PERIODS
from joulecut_runtime.devices.hardware.settling import SettlePlan
from tests.fakes.hardware import FakeAuthority, FakeHardware, ladder, opened

LOW = OperatingPoint(core_mhz=300, memory_mhz=2000)
HIGH = OperatingPoint(core_mhz=1200, memory_mhz=2000)
NOTHING = Workload(blocks=())


@pytest.fixture(name="hardware")
def _hardware() -> FakeHardware:
    return FakeHardware(clock=ManualClock(start_s=50.0))


@pytest.fixture(name="authority")
def _authority(hardware: FakeHardware) -> FakeAuthority:
    return FakeAuthority(hardware=hardware)


@pytest.fixture(name="device")
def _device(hardware: FakeHardware, authority: FakeAuthority) -> Iterator[HardwareDevice]:
    device = opened(hardware, authority)
    yield device
    device.close()


def run(device: HardwareDevice, hardware: FakeHardware, flops: float) -> float | None:
    """Joules of one run."""
    with device.execution(NOTHING) as execution:
        hardware.compute(flops)
    return execution.energy_j


def flops_for(time_s: float, point: OperatingPoint = HIGH) -> float:
    """Operations that take so long at a point."""
    return time_s * 1e9 * point.core_mhz


def test_a_lease_waits_until_the_clock_runs(device: HardwareDevice, hardware: FakeHardware) -> None:
    """A granted clock is not an achieved one: the wait ends when the device reads it, and its length is kept."""
    with device.lease(HIGH) as lease:
        assert lease.achieved() == HIGH
        assert hardware.clock.now_s() == pytest.approx(50.0 + hardware.settle_s, abs=0.002)
        settled = device.settled
        assert settled is not None
        assert settled.reached
        assert hardware.settle_s <= settled.time_s < hardware.settle_s + 0.002
    assert hardware.held is None


def test_a_clock_that_is_never_reached_ends_the_wait(hardware: FakeHardware) -> None:
    """A device that runs low is leased all the same; what it reached is told, and that it took the whole patience."""
    hardware.idles_low = True
    device = opened(hardware, settling=SettlePlan(poll_s=0.01, time_out_s=0.25))
    with device.lease(HIGH) as lease:
        assert lease.requested == HIGH
        assert lease.achieved() == LOW
    settled = device.settled
    assert settled is not None
    assert (settled.reached, settled.requested, settled.achieved) == (False, HIGH, LOW)
    assert 0.25 <= settled.time_s < 0.27


@pytest.mark.parametrize("time_out_s", [0.005, 1.0])
def test_a_device_that_slows_itself_down_holds_nobody_up(hardware: FakeHardware, time_out_s: float) -> None:
    """Requests wait while a clock settles: one that a power cap keeps below the request ends that within 20 ms."""
    hardware.ceiling_mhz = 600.0
    device = opened(hardware, settling=SettlePlan(time_out_s=time_out_s))
    with device.lease(HIGH) as lease:
        for _ in range(3):
            assert lease.move(HIGH) == OperatingPoint(core_mhz=600, memory_mhz=2000)
            assert device.settled is not None
            assert device.settled.time_s < min(time_out_s, 0.02) + 0.003


def test_a_gpu_that_idles_low_is_read_under_load(hardware: FakeHardware) -> None:
    """With something to run while the clock settles the held clock shows; without, the reading stays low."""
    hardware.idles_low = True
    loaded = opened(hardware, settling=SettlePlan(under_load=hardware.exercise))
    with loaded.lease(HIGH) as lease:
        assert lease.achieved() == HIGH
        settled = loaded.settled
        assert settled is not None
        assert settled.reached
    idle = opened(hardware)
    with idle.lease(HIGH) as lease:
        assert lease.achieved() == LOW
        assert idle.settled is not None
        assert not idle.settled.reached


@pytest.mark.parametrize(("poll_s", "time_out_s"), [(0.0, 1.0), (2.0, 1.0)])
def test_a_settle_plan_checks_itself(poll_s: float, time_out_s: float) -> None:
    """A wait that polls never or ends before its first reading is refused where it is made."""
    with pytest.raises(ConfigError, match="expected 0 < poll_s <= time_out_s"):
        SettlePlan(poll_s=poll_s, time_out_s=time_out_s)


def test_clocks_that_nobody_can_set_need_no_authority() -> None:
    """The one point of such a table is leased although the authority would refuse; other points do not exist."""
    hardware = FakeHardware(clock=ManualClock(), table=ladder((2000.0,)), settable=False)
    point = hardware.table.points[0]
    authority = FakeAuthority(hardware=hardware, refusal="nobody may")
    device = opened(hardware, authority)
    with device.lease(point) as lease:
        assert lease.achieved() == lease.move(point) == point
    assert authority.holders == []


def test_a_refused_grant_leaves_nothing_behind(device: HardwareDevice, authority: FakeAuthority) -> None:
    """The refusal passes with its remedy, and the device can be leased once the authority grants."""
    authority.refusal = "uid 1000 may not set fake:0; add it to the allow-list"
    with pytest.raises(LeaseError, match="add it to the allow-list"), device.lease(HIGH):
        pass
    authority.refusal = ""
    with device.lease(HIGH) as lease:
        assert lease.achieved() == HIGH
    assert authority.holders == ["the test", "the test"]


def test_clocks_taken_away_surface_as_a_lease_error(
    device: HardwareDevice, hardware: FakeHardware, authority: FakeAuthority
) -> None:
    """A revoked grant says so at the next move; leaving the context does no harm and the device can be leased again."""
    with device.lease(HIGH) as lease:
        authority.take_back()
        with pytest.raises(LeaseError, match="taken away"):
            lease.move(LOW)
        assert lease.requested == HIGH
    with device.lease(LOW):
        assert hardware.held == LOW


def test_a_device_that_vanishes_while_settling_is_not_left_locked(
    device: HardwareDevice, hardware: FakeHardware
) -> None:
    """The grant is released although nothing could be read back."""
    hardware.vanished = True
    with pytest.raises(DeviceError, match="fallen off the bus"), device.lease(HIGH):
        pass
    assert hardware.held is None
    hardware.vanished = False
    with device.lease(HIGH) as lease:
        assert lease.achieved() == HIGH


def test_clocks_that_do_not_go_back_are_logged(
    device: HardwareDevice, authority: FakeAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    """The work's own error gets through; that the clocks are not restored is in the log."""
    authority.fails_to_restore = True

    def fail() -> None:
        with device.lease(HIGH):
            raise ValueError("the work failed")

    with pytest.raises(ValueError, match="the work failed"):
        fail()
    assert "the clocks of fake are not restored yet: fake:0 does not take its old clocks" in caplog.text


def test_closing_restores_and_lets_go(hardware: FakeHardware, authority: FakeAuthority) -> None:
    """Whoever holds the clocks; probe and authority are closed too, and readings are refused from then on."""
    device = opened(hardware, authority)
    with device.lease(HIGH) as lease:
        device.close()
        assert hardware.held is None
        with pytest.raises(ClockError, match="ended"):
            lease.achieved()
    assert authority.closed
    assert hardware.closed
    with pytest.raises(DeviceError, match="closed"):
        device.state()


def test_long_runs_have_joules(device: HardwareDevice, hardware: FakeHardware) -> None:
    """From the second run of 20 meter periods on, within 5 % of the difference to the idle draw beside it."""
    assert hardware.period_s is not None
    long_s = (METERED_PERIODS + 3.3) * hardware.period_s
    with device.lease(HIGH):
        assert run(device, hardware, flops_for(long_s)) is None
        for gap_s in (0.0, 0.009, 0.033):
            hardware.clock.advance_s(gap_s)
            energy_j = run(device, hardware, flops_for(long_s))
            busy_w, idle_w = 4.0 + 0.02 * HIGH.core_mhz, 4.0 + 0.004 * HIGH.core_mhz
            assert energy_j == pytest.approx(busy_w * long_s, abs=0.05 * (busy_w - idle_w) * long_s)


def test_short_runs_have_none_and_cost_no_reading(device: HardwareDevice, hardware: FakeHardware) -> None:
    """A run of a few meter periods has no joules of its own, and nothing is read beside it."""
    assert hardware.period_s is not None
    reads = hardware.reads
    for _ in range(3):
        assert run(device, hardware, flops_for(5 * hardware.period_s)) is None
    assert hardware.reads == reads


def test_a_device_without_a_meter_tells_no_joules() -> None:
    """However long a run is."""
    hardware = FakeHardware(clock=ManualClock(), period_s=None)
    device = opened(hardware)
    assert [run(device, hardware, flops_for(10.0)) for _ in range(2)] == [None, None]


def test_a_lost_device_fails_the_run_and_not_the_next(device: HardwareDevice, hardware: FakeHardware) -> None:
    """What torch raises at the synchronisation is a DeviceError; the device works again once it is back."""

    def lost_at_the_end() -> None:
        with device.execution(NOTHING):
            hardware.vanished = True

    with pytest.raises(DeviceError, match="fake failed while it computed: CUDA error: the device is lost") as caught:
        lost_at_the_end()
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(DeviceError, match="failed while it computed"), device.execution(NOTHING):
        pass
    hardware.vanished = False
    with device.execution(NOTHING) as execution:
        hardware.compute(flops_for(0.01, LOW))
        execution.mark()
    assert execution.elapsed_s == execution.marks_s[0] > 0


def test_a_run_that_has_computed_stands_without_its_joules(
    device: HardwareDevice, hardware: FakeHardware, caplog: pytest.LogCaptureFixture
) -> None:
    """A meter that cannot be read before or behind a run costs that run's joules, not its answer; the log says so."""
    assert hardware.period_s is not None
    long_flops = flops_for(30 * hardware.period_s, LOW)
    run(device, hardware, long_flops)
    for fails in ((True, False), (False, True)):
        hardware.unreadable = fails[0]
        with device.execution(NOTHING) as execution:
            hardware.unreadable = fails[1]
            hardware.compute(long_flops)
        assert execution.elapsed_s > 0
        assert execution.energy_j is None
    assert "there are no joules until the meter can be read again: fake does not answer" in caplog.text
    hardware.unreadable = False
    assert run(device, hardware, long_flops) is not None


def test_an_execution_inside_an_execution_is_refused(device: HardwareDevice) -> None:
    """It would wait for itself."""
    with (
        device.execution(NOTHING),
        pytest.raises(DeviceError, match="leave that one first"),
        device.execution(NOTHING),
    ):
        pass


def test_figures_of_a_running_execution_are_refused(device: HardwareDevice) -> None:
    """Seconds and joules are of whole runs."""
    with device.execution(NOTHING) as execution:
        with pytest.raises(DeviceError, match="has not ended"):
            _ = execution.elapsed_s
        with pytest.raises(DeviceError, match="has not ended"):
            _ = execution.energy_j


def test_the_settle_time_is_logged_for_whoever_looks(device: HardwareDevice, caplog: pytest.LogCaptureFixture) -> None:
    """With details on, each wait leaves a line with its seconds."""
    with caplog.at_level(logging.DEBUG), device.lease(HIGH):
        pass
    assert "fake: 1200/2000 MHz after 0.006 s, asked for 1200/2000 MHz" in caplog.text
