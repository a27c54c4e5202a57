"""Clocks held by hand: what was there before comes back in every way out."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from rich.console import Console

from joulecut.devices.locking import hold
from joulecut.devices.readings import Pace, Reading
from joulecut.devices.stopping import Stopping
from joulecut.devices.watching import LiveView
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError, LeaseError
from joulecut_core.timing import ManualClock
from joulecut_runtime.clockd.client import ClockdGoneError
from tests.fakes.hardware import FakeAuthority, FakeGrant, FakeHardware, opened

TOP = OperatingPoint(core_mhz=1200.0, memory_mhz=2000.0)
REST = OperatingPoint(core_mhz=300.0, memory_mhz=1000.0)


class Seen(LiveView):
    """Keeps the readings instead of showing them; `then` happens after each."""

    def __init__(self) -> None:
        super().__init__({}, as_json=True, console=Console(quiet=True))
        self.readings: list[Reading] = []

    def show(self, readings: dict[str, Reading]) -> None:  # type: ignore[override]
        self.readings += readings.values()
        self.then()

    def then(self) -> None:
        """Nothing."""


def held(
    hardware: FakeHardware,
    view: Seen,
    *,
    authority: FakeAuthority | None = None,
    begun: Callable[[], None] = lambda: None,
) -> OperatingPoint:
    """Hold the top point for two seconds, half a second apart."""
    with Stopping() as stopping:
        return hold(
            "fake",
            opened(hardware, authority),
            TOP,
            view=view,
            clock=hardware.clock,
            pace=Pace(interval_s=0.5, for_s=2.0),
            stopping=stopping,
            begun=begun,
        )


def test_held_shown_and_restored() -> None:
    """While it lasts the device runs at the point; afterwards the governor has it back."""
    hardware, view = FakeHardware(clock=ManualClock()), Seen()
    freed = held(hardware, view)
    assert [reading.achieved for reading in view.readings] == [TOP] * 5
    assert {reading.requested for reading in view.readings} == {TOP}
    assert hardware.held is None
    assert freed == REST


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_frees_the_clocks(number: signal.Signals) -> None:
    """Ctrl-C, a service manager and a closed terminal end it early, and by the same door."""

    class Interrupted(Seen):
        def then(self) -> None:
            os.kill(os.getpid(), number)

    hardware, view = FakeHardware(clock=ManualClock()), Interrupted()
    before = signal.getsignal(number)
    held(hardware, view)
    assert len(view.readings) == 1
    assert hardware.held is None
    assert signal.getsignal(number) is before


def test_a_device_that_vanishes_is_left_free() -> None:
    """An error in the middle frees the clocks too."""

    class Unplugged(Seen):
        def then(self) -> None:
            hardware.vanished = True

    hardware = FakeHardware(clock=ManualClock())
    with pytest.raises(DeviceError, match="fallen off the bus"):
        held(hardware, Unplugged())
    assert hardware.held is None


def test_something_else_changes_the_clocks() -> None:
    """A power mode that is switched meanwhile does not silently end the lock."""

    class Meddling(Seen):
        def then(self) -> None:
            if len(self.readings) == 2:
                hardware.set(REST)
                hardware.clock.advance_s(0.1)

    hardware, view = FakeHardware(clock=ManualClock()), Meddling()
    held(hardware, view)
    assert view.readings[-1].achieved == TOP


def test_a_daemon_that_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clocks are the board's own until it is back, and then the lock's again."""
    hardware, moved = FakeHardware(clock=ManualClock()), FakeGrant.move

    class Restarted(Seen):
        def then(self) -> None:
            if len(self.readings) == 1:
                hardware.set(REST)
                monkeypatch.setattr(FakeGrant, "move", gone)
            elif len(self.readings) == 3:
                monkeypatch.setattr(FakeGrant, "move", moved)
            hardware.clock.advance_s(0.1)

    def gone(grant: FakeGrant, point: OperatingPoint) -> None:
        del grant, point
        raise ClockdGoneError("start joulecut-clockd")

    view = Restarted()
    held(hardware, view)
    assert [reading.achieved for reading in view.readings] == [TOP, REST, REST, TOP, TOP]


def test_clocks_that_are_taken_away() -> None:
    """A lease that has ended is an error, not a display that goes on as if it held."""
    hardware = FakeHardware(clock=ManualClock())
    authority = FakeAuthority(hardware=hardware)

    class Revoked(Seen):
        def then(self) -> None:
            authority.take_back()
            hardware.clock.advance_s(0.1)

    with pytest.raises(LeaseError, match="taken away"):
        held(hardware, Revoked(), authority=authority)


def test_a_refusal_is_passed_on() -> None:
    """Who holds the clocks is said, and nothing was shown, nor that they are held."""
    hardware, view = FakeHardware(clock=ManualClock()), Seen()
    authority = FakeAuthority(hardware=hardware, refusal="held by edge-agent (pid 7)")
    begun: list[OperatingPoint | None] = []
    with pytest.raises(LeaseError, match="edge-agent"):
        held(hardware, view, authority=authority, begun=lambda: begun.append(hardware.held))
    assert not view.readings
    assert not begun


def test_the_beginning_is_told_once_the_clocks_are_held() -> None:
    """Whoever says that they are held says the truth."""
    hardware, view = FakeHardware(clock=ManualClock()), Seen()
    begun: list[OperatingPoint | None] = []
    held(hardware, view, begun=lambda: begun.append(hardware.held))
    assert begun == [TOP]


def test_what_cannot_be_put_back_is_an_error() -> None:
    """A device that is not restored is not free, and the error says what happens next."""
    hardware, view = FakeHardware(clock=ManualClock()), Seen()
    authority = FakeAuthority(hardware=hardware, fails_to_restore=True)
    with pytest.raises(DeviceError, match=r"fake is not free: .*does not take its old clocks.*device reset fake"):
        held(hardware, view, authority=authority)
    assert view.readings
