"""One clock for many sessions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.emulated import EmulatedDevice
from tests.fakes.hardware import FakeAuthority, FakeHardware, opened
from tests.runtime.devices.device_files import quiet_file
from tests.server.keepers import keeper_of

LOW = OperatingPoint(core_mhz=100, memory_mhz=1000)
MIDDLE = OperatingPoint(core_mhz=200, memory_mhz=1000)
HIGH = OperatingPoint(core_mhz=400, memory_mhz=1000)
SLOW_MEMORY = OperatingPoint(core_mhz=200, memory_mhz=500)


@pytest.fixture(name="device")
def _device() -> Iterator[Device]:
    device = EmulatedDevice(quiet_file(), clock=ManualClock())
    yield device
    device.close()


def test_the_highest_wish_wins(device: Device) -> None:
    """No session runs slower than it was planned for; a wish that is taken back no longer counts."""
    keeper = keeper_of(device, ManualClock())
    assert keeper.wish("a", MIDDLE) == MIDDLE
    assert keeper.wish("b", HIGH) == HIGH
    assert keeper.wish("c", LOW) == HIGH
    assert device.state().point == HIGH
    assert keeper.wish("b", None) == MIDDLE
    assert keeper.wish("a", LOW) == LOW
    assert keeper.leased == LOW


def test_memory_counts_before_core(device: Device) -> None:
    """A wish for more memory clock is not undercut by one for as many core MHz at less."""
    keeper = keeper_of(device, ManualClock())
    keeper.wish("a", LOW)
    assert keeper.wish("b", SLOW_MEMORY) == LOW


def test_the_last_release_restores_the_device(device: Device) -> None:
    """With nobody left the device's own governor has it back, and others may lease it."""
    keeper = keeper_of(device, ManualClock())
    keeper.wish("a", HIGH)
    assert keeper.wish("a", None) is None
    assert keeper.leased is None
    with device.lease(LOW):
        pass


def test_an_unknown_clock_leaves_earlier_wishes(device: Device) -> None:
    """A wish off the table is refused with the nearest, and changes nothing for anybody."""
    keeper = keeper_of(device, ManualClock())
    keeper.wish("a", MIDDLE)
    with pytest.raises(ClockError, match=r"410/1000 MHz is not on the clock table .* nearest is 400/1000 MHz"):
        keeper.wish("b", OperatingPoint(core_mhz=410, memory_mhz=1000))
    assert keeper.leased == MIDDLE
    assert keeper.wish("a", None) is None, "the refused wish must not have been kept"


def test_forgetting_who_never_wished(device: Device) -> None:
    """Releasing an unknown session is no error and takes no lease."""
    keeper = keeper_of(device, ManualClock())
    assert keeper.wish("nobody", None) is None
    keeper.close()
    keeper.wish("a", HIGH)
    keeper.close()
    assert keeper.leased is None
    assert keeper.wish("b", LOW) == LOW, "wishes from before must not come back"


def test_a_wish_that_cannot_be_held_is_forgotten(device: Device) -> None:
    """A session that was refused its clock must not hold it for others later."""
    keeper = keeper_of(device, ManualClock())
    with device.lease(LOW), pytest.raises(LeaseError):
        keeper.wish("a", HIGH)
    assert keeper.wish("b", MIDDLE) == MIDDLE


def test_who_moves_the_clock_too_often_finds_it_noted(device: Device) -> None:
    """Each move takes the device from everybody. The newest wish counts in the end, however many there were."""
    clock = ManualClock()
    keeper = keeper_of(device, clock, share_of=lambda session_id: session_id[0])
    moved = [keeper.wish("a1" if turn % 4 else "a2", point) for turn, point in enumerate((LOW, HIGH, LOW) * 20)]
    changes = sum(now != before for before, now in zip([None, *moved], moved, strict=False))
    assert 3 <= changes <= 4
    keeper.wish("a1", LOW)
    keeper.wish("a2", MIDDLE)
    assert keeper.leased == moved[-1]
    keeper.verify()
    assert keeper.leased == MIDDLE
    keeper.wish("a2", HIGH)
    assert keeper.leased == MIDDLE
    clock.advance_s(0.25)
    assert keeper.wish("a2", HIGH) == HIGH


def test_an_edge_that_follows_its_link_is_not_held_back(device: Device) -> None:
    """Once for joules and twice for deadlines within a hold of three seconds, all three at once at worst."""
    clock = ManualClock()
    keeper = keeper_of(device, clock)
    for _ in range(10):
        for point in (HIGH, None, LOW):
            assert keeper.wish("a", point) == point
        clock.advance_s(3.0)


def test_one_owners_moves_are_not_anothers(device: Device) -> None:
    """Who moved too often keeps nobody else waiting, and a wish that moves nothing costs nothing."""
    keeper = keeper_of(device, ManualClock())
    for turn in range(20):
        keeper.wish("flood", (LOW, MIDDLE)[turn % 2])
    for _ in range(2):
        assert keeper.wish("b", HIGH) == HIGH
        for turn in range(20):
            assert keeper.wish("flood", (LOW, MIDDLE)[turn % 2]) == HIGH
        assert keeper.wish("b", None) == MIDDLE


def test_what_moves_nothing_costs_no_move(device: Device) -> None:
    """To wish for the clock that is held, or for none where none is, however often: the move that counts is made."""
    keeper = keeper_of(device, ManualClock())
    for point in (None, HIGH):
        for _ in range(20):
            assert keeper.wish("a", point) == point
    assert keeper.wish("a", LOW) == LOW


def test_who_has_no_say_moves_nothing(device: Device) -> None:
    """Its rule leaves it none: it runs at what the others need, and what it had before it lost its say is forgotten."""
    silenced: set[str] = set()
    keeper = keeper_of(device, ManualClock(), may_wish=lambda session_id: session_id not in silenced)
    assert keeper.wish("guest", HIGH) == HIGH
    silenced.add("guest")
    assert keeper.wish("guest", HIGH) is None
    assert keeper.wish("a", LOW) == LOW
    assert keeper.wish("guest", HIGH) == LOW


def test_a_lost_clock_is_taken_again() -> None:
    """Whoever took the lease away, the sessions' highest wish is held again at the next look."""
    hardware = FakeHardware(clock=ManualClock())
    authority = FakeAuthority(hardware=hardware)
    keeper = keeper_of(opened(hardware, authority), hardware.clock)
    top = hardware.table.top
    keeper.wish("a", top)
    authority.take_back()
    hardware.clock.advance_s(1.0)
    keeper.verify()
    assert hardware.held == keeper.leased == top


def test_a_session_that_ends_while_the_device_refuses() -> None:
    """Its clock is held no longer once the device can be moved again, for nobody is left to give it up."""
    hardware = FakeHardware(clock=ManualClock())
    authority = FakeAuthority(hardware=hardware)
    keeper = keeper_of(opened(hardware, authority), hardware.clock)
    low, high = hardware.table.points[0], hardware.table.top
    keeper.wish("stays", low)
    keeper.wish("ends", high)
    authority.take_back()
    authority.failure = DeviceError("the clock daemon is gone")
    with pytest.raises(DeviceError):
        keeper.wish("ends", None)
    authority.failure = None
    keeper.verify()
    assert hardware.held == keeper.leased == low
