"""A piece of hardware in memory, living on a ManualClock: what a Probe reads and a ClockAuthority sets.

    hardware = FakeHardware(clock=ManualClock())
    device = opened(hardware, FakeAuthority(hardware=hardware))

Its laws are simple on purpose: watts rise with the core clock and while it is busy, a new clock runs `settle_s` after
it was asked for, joules are counted up to the last multiple of the meter's period.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState, ThrottleReason
from joulecut_core.errors import DeviceError, LeaseError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.hardware.authority import ClockAuthority
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind
from joulecut_runtime.devices.hardware.settling import SettlePlan

CORES_MHZ = (300.0, 600.0, 900.0, 1200.0)
MEMORIES_MHZ = (1000.0, 2000.0)
_FLOPS_PER_CYCLE = 1000.0


def ladder(memories_mhz: tuple[float | None, ...] = MEMORIES_MHZ) -> ClockTable:
    """Every core clock at every memory clock."""
    points = (OperatingPoint(core_mhz=core, memory_mhz=memory) for memory in memories_mhz for core in CORES_MHZ)
    return ClockTable(points=tuple(points))


@dataclass(slots=True, kw_only=True)
class FakeHardware:
    """The device itself: its clocks, watts and counter, and what a test may do to it.

    `held`: the point that somebody has set; None under the governor, which runs at the lowest. `ceiling_mhz`: the core
    clock that a power cap allows. `idles_low`: reads the lowest core clock while idle, however it is locked.
    `unreadable`: computes, and cannot be read.
    """

    clock: ManualClock
    table: ClockTable = field(default_factory=ladder)
    settable: bool = True
    period_s: float | None = 0.02
    settle_s: float = 0.005
    held: OperatingPoint | None = None
    ceiling_mhz: float | None = None
    idles_low: bool = False
    pending_flops: float = 0.0
    vanished: bool = False
    unreadable: bool = False
    closed: bool = False
    reads: int = 0
    asked_s: float = 0.0
    busy: bool = False
    counted_s: float = 0.0
    energy_j: float = 0.0
    tick_s: float = 0.0
    tick_j: float = 0.0
    before: OperatingPoint | None = None

    def __post_init__(self) -> None:
        self.counted_s = self.tick_s = self.clock.now_s()

    def set(self, point: OperatingPoint | None) -> None:
        """Ask for a point, or leave the clocks to the governor."""
        self.advance()
        self.before, self.held, self.asked_s = self.held, point, self.clock.now_s()

    def point_at(self, time_s: float) -> OperatingPoint:
        """What runs at a time since the last request."""
        held = self.held if time_s >= self.asked_s + self.settle_s * (1 - 1e-9) else self.before
        point = held or self.table.points[0]
        if self.ceiling_mhz is not None and point.core_mhz > self.ceiling_mhz:
            point = replace(point, core_mhz=self.ceiling_mhz)
        if self.idles_low and not self.busy:
            point = replace(point, core_mhz=CORES_MHZ[0])
        return point

    def power_w(self, time_s: float) -> float:
        """Watts at a time since the last request."""
        return 4.0 + self.point_at(time_s).core_mhz * (0.02 if self.busy else 0.004)

    def compute(self, flops: float) -> None:
        """Be busy for as long as so many operations take."""
        self.advance()
        self.busy = True
        self.clock.advance_s(flops / (_FLOPS_PER_CYCLE * 1e6 * self.point_at(self.clock.now_s()).core_mhz))
        self.advance()
        self.busy = False

    @contextmanager
    def exercise(self) -> Iterator[None]:
        """Busy inside the context."""
        self.advance()
        self.busy = True
        yield
        self.advance()
        self.busy = False

    def synchronise(self) -> None:
        """Finish what is under way, `pending_flops` each time; a device that is gone says so, as torch would."""
        if self.vanished:
            raise RuntimeError("CUDA error: the device is lost")
        if self.pending_flops:
            self.compute(self.pending_flops)

    def advance(self) -> None:
        """Count joules up to now."""
        now_s, settled_s = self.clock.now_s(), self.asked_s + self.settle_s
        for until_s in (min(settled_s, now_s), now_s):
            if until_s > self.counted_s:
                self._count_to(until_s)

    def _count_to(self, until_s: float) -> None:
        power_w = self.power_w(self.counted_s)
        if self.period_s is not None:
            tick_s = self.period_s * int(until_s / self.period_s + 1e-9)
            if tick_s > self.counted_s:
                self.tick_s, self.tick_j = tick_s, self.energy_j + power_w * (tick_s - self.counted_s)
        self.energy_j += power_w * (until_s - self.counted_s)
        self.counted_s = until_s


def opened(
    hardware: FakeHardware, authority: ClockAuthority | None = None, *, settling: SettlePlan | None = None
) -> HardwareDevice:
    """The hardware as a device, its clocks set by `authority`, or by anybody."""
    return HardwareDevice(
        FakeProbe(hardware),
        authority or FakeAuthority(hardware=hardware),
        clock=hardware.clock,
        synchronise=hardware.synchronise,
        settling=settling,
        holder="the test",
    )


class FakeProbe:
    """A Probe of a FakeHardware."""

    def __init__(self, hardware: FakeHardware) -> None:
        self._hardware = hardware
        memory_settable = hardware.settable and len(hardware.table.memory_clocks_mhz) > 1
        self.capabilities = Capabilities(
            core_settable=hardware.settable,
            memory_settable=memory_settable,
            meter=MeterKind.NONE if hardware.period_s is None else MeterKind.COUNTER,
        )
        self.info = DeviceInfo(
            name="fake",
            backend="fake",
            uid="fake-0",
            driver="fake 1",
            power_scope="fake board",
            figures=FigureKind.MEASURED,
            meter_period_s=hardware.period_s,
        )
        self.board = "fake:0"

    @property
    def clock_table(self) -> ClockTable:
        return self._hardware.table

    def read(self) -> DeviceState:
        hardware, now_s = self._hardware, self._hardware.clock.now_s()
        if hardware.vanished:
            raise DeviceError("fake has fallen off the bus; expected it to answer: look at the cables")
        hardware.reads += 1
        hardware.advance()
        if hardware.unreadable:
            raise DeviceError("fake does not answer; expected a reading: see the driver's log")
        capped = hardware.ceiling_mhz is not None and hardware.held is not None
        return DeviceState(
            time_s=now_s,
            point=hardware.point_at(now_s),
            power_w=None if hardware.period_s is None else hardware.power_w(now_s),
            temperature_c=45.0,
            throttle=frozenset({ThrottleReason.POWER_CAP} if capped else ()),
            energy_j=None if hardware.period_s is None else hardware.tick_j,
            energy_time_s=None if hardware.period_s is None else hardware.tick_s,
        )

    def close(self) -> None:
        self._hardware.closed = True


@dataclass(slots=True, kw_only=True)
class FakeGrant:
    """A ClockGrant; `lost` where somebody has taken the clocks away."""

    authority: FakeAuthority
    lost: bool = False

    def move(self, point: OperatingPoint) -> None:
        if self.lost or self.authority.granted is not self:
            raise LeaseError("the clocks of fake:0 were taken away; expected them to be held: lease again")
        self.authority.hardware.set(point)

    def release(self) -> None:
        if self.authority.granted is self:
            self.authority.take_back()
            if self.authority.fails_to_restore:
                raise DeviceError("fake:0 does not take its old clocks; expected it to: it is tried again")


@dataclass(slots=True, kw_only=True)
class FakeAuthority:
    """A ClockAuthority of one board. `refusal`: why nobody gets it; `holders`: who has asked.

    `failure`: what asking ends with, as where a clock daemon is gone.
    """

    hardware: FakeHardware
    refusal: str = ""
    failure: DeviceError | None = None
    fails_to_restore: bool = False
    granted: FakeGrant | None = None
    holders: list[str] = field(default_factory=list)
    closed: bool = False

    def grant(self, board: str, point: OperatingPoint, *, holder: str) -> FakeGrant:
        assert board == "fake:0"
        self.holders.append(holder)
        if self.failure is not None:
            raise self.failure
        if self.refusal or self.granted is not None:
            raise LeaseError(self.refusal or "the clocks of fake:0 are held by another process; expected them free")
        self.hardware.set(point)
        self.granted = FakeGrant(authority=self)
        return self.granted

    def take_back(self) -> None:
        """Revoke: the clocks are restored, the grant is worth nothing."""
        if self.granted is not None:
            self.granted.lost, self.granted = True, None
            self.hardware.set(None)

    def close(self) -> None:
        self.closed = True
        self.take_back()
