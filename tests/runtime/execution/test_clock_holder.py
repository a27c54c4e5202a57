"""Holding one operating point at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.execution.clock_holder import ClockHolder, LeaseCounts
from tests.fakes.hardware import FakeAuthority, FakeHardware, opened
from tests.runtime.devices.device_files import quiet_file

LOW = OperatingPoint(core_mhz=100, memory_mhz=1000)
HIGH = OperatingPoint(core_mhz=400, memory_mhz=1000)


@pytest.fixture(name="device")
def _device() -> Iterator[EmulatedDevice]:
    device = EmulatedDevice(quiet_file(), clock=ManualClock())
    yield device
    device.close()


def test_hold_move_drop_and_take_again(device: EmulatedDevice) -> None:
    """One lease serves all moves; dropping it frees the device, and it can be taken again."""
    holder = ClockHolder(device)
    assert holder.held is None
    assert holder.hold(LOW) == holder.held == LOW
    assert holder.hold(HIGH) == holder.held == device.state().point == HIGH
    with pytest.raises(LeaseError, match="are leased at 400/1000 MHz"), device.lease(LOW):
        pass
    assert (holder.hold(None), holder.held) == (None, None)
    with device.lease(LOW):
        pass
    assert holder.hold(HIGH) == HIGH


def test_dropping_nothing_is_no_error(device: EmulatedDevice) -> None:
    """Releasing twice, or before anything was held, changes nothing."""
    holder = ClockHolder(device)
    assert holder.hold(None) is None
    holder.hold(LOW)
    holder.hold(None)
    assert holder.hold(None) is None


def test_the_same_point_again_does_not_wait_for_a_move() -> None:
    """A plan that keeps the clock costs no settling time between two requests."""
    clock = ManualClock()
    holder = ClockHolder(EmulatedDevice(quiet_file(), clock=clock))
    holder.hold(HIGH)
    held_s = clock.now_s()
    assert holder.hold(OperatingPoint(core_mhz=400.001, memory_mhz=1000)) == HIGH
    assert clock.now_s() == held_s


def test_a_clock_off_the_table_keeps_what_is_held(device: EmulatedDevice) -> None:
    """A wrong clock is refused before anything moves, with and without a lease."""
    holder = ClockHolder(device)
    wrong = OperatingPoint(core_mhz=250, memory_mhz=1000)
    with pytest.raises(ClockError, match="250/1000 MHz is not on the clock table"):
        holder.hold(wrong)
    assert holder.held is None
    holder.hold(LOW)
    with pytest.raises(ClockError, match="250/1000 MHz is not on the clock table"):
        holder.hold(wrong)
    assert holder.held == device.state().point == LOW


def test_somebody_elses_lease(device: EmulatedDevice) -> None:
    """A device in other hands is refused, and can be held once it is free."""
    holder = ClockHolder(device)
    with device.lease(LOW), pytest.raises(LeaseError):
        holder.hold(HIGH)
    assert holder.held is None
    assert holder.hold(HIGH) == HIGH


def test_a_clock_that_is_not_reached_is_reported(device: EmulatedDevice, caplog: pytest.LogCaptureFixture) -> None:
    """Asked for is not achieved: the caller gets what the device runs at, and the log says so."""
    device.throttle_to(200)
    holder = ClockHolder(device)
    with caplog.at_level(logging.WARNING):
        assert holder.hold(HIGH) == OperatingPoint(core_mhz=200, memory_mhz=1000)
    assert holder.held == HIGH
    assert "asked for 400/1000 MHz, running at 200/1000 MHz" in caplog.text


def test_a_clock_that_is_not_reached_is_told_once(device: EmulatedDevice, caplog: pytest.LogCaptureFixture) -> None:
    """A policy that moves many times a second on a hot device fills no log; once it was reached it is told again."""
    holder = ClockHolder(device)
    for _ in range(2):
        device.throttle_to(200)
        for _ in range(3):
            holder.hold(HIGH)
            holder.hold(LOW)
        device.throttle_to(None)
        holder.hold(HIGH)
        holder.hold(LOW)
    assert len(caplog.records) == 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """A holder of a real device's clocks, and what a test may do to them."""

    hardware: FakeHardware
    authority: FakeAuthority
    holder: ClockHolder

    def revoke(self) -> None:
        """Take the grant away, and let a second pass."""
        self.authority.take_back()
        self.hardware.clock.advance_s(1.0)

    def change_mode(self) -> None:
        """Rewrite the limits behind everybody's back, and let a second pass."""
        self.hardware.set(None)
        self.hardware.clock.advance_s(1.0)


REAL_LOW = OperatingPoint(core_mhz=300, memory_mhz=2000)
REAL_MIDDLE = OperatingPoint(core_mhz=900, memory_mhz=2000)
REAL_HIGH = OperatingPoint(core_mhz=1200, memory_mhz=2000)


@pytest.fixture(name="real")
def _real() -> Iterator[Real]:
    hardware = FakeHardware(clock=ManualClock())
    authority = FakeAuthority(hardware=hardware)
    device = opened(hardware, authority)
    yield Real(hardware=hardware, authority=authority, holder=ClockHolder(device))
    device.close()


def test_lost_clocks_are_taken_again_at_the_next_move(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    """A revoked lease costs the next plan nothing but a line in the log."""
    real.holder.hold(REAL_HIGH)
    real.revoke()
    assert real.holder.hold(REAL_LOW) == real.hardware.held == REAL_LOW
    assert "clocks lost: the clocks of fake:0 were taken away" in caplog.text


def test_verify_takes_lost_clocks_again(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    """Between two plans too: nobody has to plan again for the clocks to come back."""
    real.holder.verify()
    assert real.holder.held is None
    real.holder.hold(REAL_HIGH)
    real.revoke()
    real.holder.verify()
    assert real.holder.held == real.hardware.held == REAL_HIGH
    assert "clocks lost" in caplog.text


def test_how_leases_fared_is_counted(real: Real) -> None:
    """Taken, lost and refused; and whether clocks are wanted and held now, which is what somebody is to be told of."""
    assert real.holder.leases == LeaseCounts()
    real.holder.hold(REAL_HIGH)
    real.holder.hold(REAL_LOW)
    assert real.holder.leases == LeaseCounts(taken=1, wanted=True, held=True)
    real.revoke()
    real.authority.refusal = "fake:0 is held by somebody else"
    real.holder.verify()
    assert real.holder.leases == LeaseCounts(taken=1, lost=1, refused=1, wanted=True, held=False)
    real.authority.refusal = ""
    real.holder.verify()
    assert real.holder.leases == LeaseCounts(taken=2, lost=1, refused=1, wanted=True, held=True)
    real.holder.hold(None)
    assert real.holder.leases == LeaseCounts(taken=2, lost=1, refused=1)


def test_clocks_that_a_driver_refuses_count_as_refused(real: Real) -> None:
    """An agent without the right to set clocks is told so by the driver, not by another holder."""
    real.authority.failure = DeviceError("SetGpuLockedClocks failed: Insufficient Permissions; it takes root")
    real.holder.hold_if_possible(REAL_HIGH)
    assert real.holder.leases == LeaseCounts(refused=1, wanted=True)


def test_clocks_that_others_took_are_left_to_the_governor(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    """Said once, tried again each time, and told when it worked."""
    real.holder.hold(REAL_HIGH)
    real.revoke()
    real.authority.refusal = "fake:0 is held by somebody else"
    for _ in range(3):
        real.holder.verify()
        assert real.holder.held is None
    assert caplog.text.count("clocks left to its governor: fake:0 is held by somebody else") == 1
    real.authority.refusal = ""
    with caplog.at_level(logging.INFO):
        real.holder.verify()
    assert real.holder.held == real.hardware.held == REAL_HIGH
    assert "holding 1200/2000 MHz again" in caplog.text


def test_what_cannot_be_held_at_once_is_held_later(real: Real) -> None:
    """An agent whose clocks are in other hands starts under the governor and takes them when they are free."""
    real.authority.refusal = "fake:0 is held by somebody else"
    real.holder.hold_if_possible(REAL_HIGH)
    assert real.holder.held is None
    real.authority.refusal = ""
    real.holder.verify()
    assert real.holder.held == real.hardware.held == REAL_HIGH
    real.holder.hold_if_possible(None)
    real.holder.verify()
    assert real.holder.held is real.hardware.held is None


def test_a_clock_that_the_governor_runs_at_by_itself_is_not_held(real: Real) -> None:
    """It leaves it with the next request: an agent that was refused its clocks tries again all the same."""
    lowest = real.hardware.table.points[0]
    real.authority.refusal = "fake:0 is held by somebody else"
    real.holder.hold_if_possible(lowest)
    assert (real.holder.held, real.hardware.point_at(real.hardware.clock.now_s())) == (None, lowest)
    real.authority.refusal = ""
    real.holder.verify()
    assert real.holder.held == real.hardware.held == lowest


def test_clocks_that_nobody_can_lend_stop_nothing(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    """A clock daemon that is gone costs the clocks, not the request that was to run at them."""
    real.holder.hold(REAL_HIGH)
    real.revoke()
    real.authority.failure = DeviceError("joulecut-clockd does not answer")
    real.holder.hold_if_possible(REAL_LOW)
    assert real.holder.held is real.hardware.held is None
    assert "clocks left to its governor: joulecut-clockd does not answer" in caplog.text
    real.authority.failure = None
    real.holder.verify()
    assert real.holder.held == real.hardware.held == REAL_LOW


def test_limits_rewritten_behind_our_back_are_set_again(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    """A change of the power mode takes no lease away, only the clock; that is no device that slows itself down."""
    real.holder.hold(REAL_HIGH)
    real.change_mode()
    with caplog.at_level(logging.INFO):
        real.holder.verify()
    assert real.hardware.held == REAL_HIGH
    assert "slowed" not in caplog.text


def test_clocks_that_are_held_are_not_set_again(real: Real) -> None:
    """A look costs a reading: setting them would take the device from its requests every time."""
    real.holder.hold(REAL_HIGH)
    real.hardware.clock.advance_s(1.0)
    before_s, asked_s = real.hardware.clock.now_s(), real.hardware.asked_s
    for _ in range(3):
        real.holder.verify()
    assert (real.hardware.clock.now_s(), real.hardware.asked_s) == (before_s, asked_s)


def test_a_clock_that_does_not_come_is_asked_for_once_more(real: Real) -> None:
    """Each try costs a settle time-out between two requests: not again until the reading changes."""
    real.hardware.idles_low = True
    real.holder.hold(REAL_HIGH)
    before_s = real.hardware.clock.now_s()
    real.holder.verify()
    assert real.hardware.clock.now_s() > before_s
    for _ in range(2):
        before_s = real.hardware.clock.now_s()
        real.holder.verify()
        assert real.hardware.clock.now_s() == before_s
    real.hardware.idles_low = False
    real.holder.verify()
    real.hardware.idles_low = True
    before_s = real.hardware.clock.now_s()
    real.holder.verify()
    assert real.hardware.clock.now_s() > before_s
    real.holder.hold(REAL_MIDDLE)
    before_s = real.hardware.clock.now_s()
    real.holder.verify()
    assert real.hardware.clock.now_s() > before_s, "what another clock read says nothing of this one"


def test_another_wrong_clock_is_asked_about_again(real: Real) -> None:
    """What did not come once is left alone; limits that somebody rewrote since then are not."""
    real.hardware.idles_low = True
    real.holder.hold(REAL_HIGH)
    real.holder.verify()
    real.hardware.idles_low = False
    real.hardware.set(REAL_MIDDLE)
    real.hardware.clock.advance_s(1.0)
    real.holder.verify()
    assert real.hardware.held == REAL_HIGH


def test_a_throttled_device_is_left_alone(real: Real) -> None:
    """A lower clock with a reason is no lost lease: asking again would only wait for what cannot come."""
    real.holder.hold(REAL_HIGH)
    real.hardware.ceiling_mhz = 600.0
    before_s = real.hardware.clock.now_s()
    real.holder.verify()
    assert real.hardware.clock.now_s() == before_s


def test_throttling_is_told_once_and_when_it_is_over(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    """A device that slows itself down while it serves says so: what was asked for, what runs, and why."""
    real.holder.hold(REAL_HIGH)
    with caplog.at_level(logging.INFO):
        real.holder.verify()
        assert not caplog.records
        real.hardware.ceiling_mhz = 600.0
        for _ in range(3):
            real.holder.verify()
        (slowed,) = caplog.records
        assert slowed.levelno == logging.WARNING
        assert "slowed down by power-cap: asked for 1200/2000 MHz, runs at 600/2000 MHz" in slowed.message
        real.hardware.ceiling_mhz = None
        for _ in range(3):
            real.holder.verify()
    _, over = caplog.records
    assert "no longer slowed down: asked for 1200/2000 MHz, runs at 1200/2000 MHz" in over.message


def test_a_mode_without_the_held_clock_leaves_it_to_the_governor(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    """A lowered ceiling takes the plan's clock off the table: nothing to hold until a plan names another."""
    real.holder.hold(REAL_HIGH)
    real.change_mode()
    real.hardware.table = ClockTable(points=(REAL_LOW,))
    real.holder.verify()
    assert real.holder.held is None
    assert "1200/2000 MHz is not on the clock table" in caplog.text


def test_a_vanished_device_is_looked_for_again(real: Real, caplog: pytest.LogCaptureFixture) -> None:
    """A look at a device that is gone is a line in the log; its clock is as before when it is back, which is one too.

    Its lease is kept meanwhile: nothing says that the governor has it.
    """
    real.holder.hold(REAL_HIGH)
    real.hardware.vanished = True
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            real.holder.verify()
        assert caplog.text.count("cannot see whether its clocks are held: fake has fallen off the bus") == 1
        assert "governor" not in caplog.text
        real.hardware.vanished = False
        for _ in range(2):
            real.holder.verify()
    assert real.holder.held == real.hardware.held == REAL_HIGH
    assert caplog.text.count("holding 1200/2000 MHz again") == 1


def test_clocks_that_are_not_restored_at_the_end_are_told() -> None:
    """Whoever leaves for good learns it, and says so; one whose clocks are back hears nothing."""
    hardware = FakeHardware(clock=ManualClock())
    authority = FakeAuthority(hardware=hardware)
    holder = ClockHolder(opened(hardware, authority))
    holder.hold(hardware.table.top)
    holder.give_back()
    holder.hold(hardware.table.top)
    authority.fails_to_restore = True
    with pytest.raises(DeviceError, match="the clocks of fake are not restored: fake:0 does not take its old clocks"):
        holder.give_back()
