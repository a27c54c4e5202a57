"""What every Device must do, whichever backend answers.

Derive a test class from `DeviceSuite` and give it a fixture `under_test` that yields a fresh DeviceUnderTest.
Devices differ in what they can: a test asks `capabilities` and expects of each device what belongs to it, a refusal
where there is nothing to set or to meter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, Lease
from joulecut_core.energy import read_at_tick, window_between
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_core.timing import Clock
from joulecut_core.workloads import Operation, OperationKind, Workload
from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind

_ARITHMETIC = Operation(kind=OperationKind.MATMUL, flops=2e9, size_bytes=3e6)
_STREAM = Operation(kind=OperationKind.COPY, flops=0.0, size_bytes=1e6)
_BUSY_PERIODS = 8
"""Of the meter: enough to tell work from rest."""
COMPUTE_BOUND = Workload(blocks=((_ARITHMETIC, _ARITHMETIC), (_ARITHMETIC,), (_STREAM,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceUnderTest:
    """A device and the clock it lives by. `relative_noise` is how far one run may lie from another.

    `compute`: does one block of work as fast as the device's clock allows; an emulated device needs none, since it
    paces whatever is marked. `under_load`: a context in which a device that idles low shows its held clock.
    `settings`: what is set of the device's clocks right now, in whatever form; equal before and after a lease.
    `window_periods`: how many meter periods a window of the suite lasts.
    """

    device: Device
    clock: Clock
    capabilities: Capabilities
    settings: Callable[[], Hashable]
    compute: Callable[[tuple[Operation, ...]], None] | None = None
    under_load: Callable[[], AbstractContextManager[object]] = nullcontext
    relative_noise: float = 0.08
    window_periods: int = 40

    def run(self, workload: Workload = COMPUTE_BOUND) -> float:
        """Seconds of one execution, every block marked."""
        with self.device.execution(workload) as execution:
            for block in workload.blocks:
                self.work(block)
                execution.mark()
        return execution.elapsed_s

    def work(self, block: tuple[Operation, ...]) -> None:
        """Compute one block."""
        if self.compute is not None:
            self.compute(block)

    def point(self) -> OperatingPoint:
        """The clocks in force, as the device's state tells them."""
        with self.under_load():
            return self.device.state().point

    def run_for(self, duration_s: float) -> None:
        """Work without rest for at least so long."""
        end_s = self.clock.now_s() + duration_s
        while self.clock.now_s() < end_s:
            self.run()

    @property
    def metered(self) -> bool:
        """Whether there is a meter."""
        return self.capabilities.meter is not MeterKind.NONE


class DeviceSuite:
    """Tests of the Device contract."""

    @pytest.fixture
    def under_test(self) -> DeviceUnderTest:
        raise NotImplementedError("a suite needs a fixture that yields a fresh device")

    @pytest.fixture
    def device(self, under_test: DeviceUnderTest) -> Device:
        return under_test.device

    def test_clock_table_is_sorted_and_has_a_top(self, under_test: DeviceUnderTest) -> None:
        """Points ascend by memory clock, then core clock, each once; the last is the top."""
        table = under_test.device.clock_table
        keys = [(point.memory_mhz or 0.0, point.core_mhz) for point in table.points]
        assert keys == sorted(set(keys))
        assert table.top == table.points[-1]
        assert all(point.core_mhz > 0 for point in table.points)

    def test_clock_table_has_what_can_be_set(self, under_test: DeviceUnderTest) -> None:
        """Several points only where the core clock can be set, several memory clocks only where memory can."""
        table, capabilities = under_test.device.clock_table, under_test.capabilities
        if not capabilities.core_settable:
            assert len(table.points) == 1
        if not capabilities.memory_settable:
            assert len(table.memory_clocks_mhz) == 1

    def test_info_names_the_device_and_the_scope_of_its_watts(self, under_test: DeviceUnderTest) -> None:
        """Whoever reads a figure can tell whose and of what it is."""
        info = under_test.device.info
        assert info.name
        assert info.backend
        assert info.uid
        assert info.driver
        assert info.power_scope
        assert (info.meter_period_s is not None) is under_test.metered
        assert info.meter_period_s is None or info.meter_period_s > 0
        assert under_test.device.info == info

    def test_lease_achieves_every_corner_of_the_table(self, under_test: DeviceUnderTest) -> None:
        """A leased point is in force inside the context, in the lease's eyes and in the state's."""
        device = under_test.device
        points = device.clock_table.points
        for point in dict.fromkeys((points[0], points[len(points) // 2], points[-1])):
            with device.lease(point) as lease:
                assert lease.requested.matches(point)
                assert lease.achieved().matches(point)
                assert under_test.point().matches(point)

    def test_move_returns_what_was_achieved(self, under_test: DeviceUnderTest) -> None:
        """Moving within a lease waits until the new clock is in force; moving to the same point is allowed."""
        device = under_test.device
        points = device.clock_table.points
        with device.lease(points[0]) as lease:
            for _ in range(2):
                assert lease.move(points[-1]).matches(points[-1])
                assert lease.requested.matches(points[-1])
                assert under_test.point().matches(points[-1])

    def test_lease_is_exclusive(self, under_test: DeviceUnderTest) -> None:
        """A second lease is refused while the first lasts, and granted afterwards."""
        device = under_test.device
        top = device.clock_table.top
        with device.lease(top):
            with pytest.raises(LeaseError), device.lease(top):
                pass
            assert under_test.point().matches(top)
        with device.lease(top):
            pass

    def test_lease_restores_what_was_there(self, under_test: DeviceUnderTest) -> None:
        """After a lease and all its moves the device's limits are what they were before it."""
        device, points = under_test.device, under_test.device.clock_table.points
        before = under_test.settings()
        with device.lease(points[-1]) as lease:
            held = {under_test.settings()}
            lease.move(points[0])
            held.add(under_test.settings())
        assert (held != {before}) is under_test.capabilities.core_settable
        assert under_test.settings() == before

    def test_lease_restores_after_an_exception(self, under_test: DeviceUnderTest) -> None:
        """An error inside the context passes on unchanged and leaves the clocks as they were, and free."""
        device, before = under_test.device, under_test.settings()

        def fail() -> None:
            with device.lease(device.clock_table.points[0]):
                raise RuntimeError("the work failed")

        with pytest.raises(RuntimeError, match="the work failed"):
            fail()
        assert under_test.settings() == before
        with device.lease(device.clock_table.points[0]) as lease:
            assert lease.achieved().matches(device.clock_table.points[0])

    def test_ended_lease_moves_no_more(self, device: Device) -> None:
        """What somebody kept of a lease has no power once its context has ended."""
        kept: list[Lease] = []
        with device.lease(device.clock_table.top) as lease:
            kept.append(lease)
        with pytest.raises(ClockError, match="ended"):
            kept[0].move(device.clock_table.points[0])
        with pytest.raises(ClockError, match="ended"):
            kept[0].achieved()

    def test_unknown_point_names_the_nearest(self, device: Device) -> None:
        """Neither a lease nor a move accepts a point off the table, and both say what is near."""
        top = device.clock_table.top
        unknown = OperatingPoint(core_mhz=top.core_mhz + 1.3, memory_mhz=top.memory_mhz)
        with pytest.raises(ClockError, match="nearest"), device.lease(unknown):
            pass
        with device.lease(top) as lease:
            with pytest.raises(ClockError, match="nearest"):
                lease.move(unknown)
            assert lease.achieved().matches(top)

    def test_execution_times_its_blocks(self, under_test: DeviceUnderTest) -> None:
        """Marks ascend, one per block, and the last is not after the end."""
        device = under_test.device
        with device.lease(device.clock_table.top), device.execution(COMPUTE_BOUND) as execution:
            for block in COMPUTE_BOUND.blocks:
                under_test.work(block)
                execution.mark()
        marks_s = execution.marks_s
        assert len(marks_s) == len(COMPUTE_BOUND.blocks)
        assert list(marks_s) == sorted(marks_s)
        assert marks_s[0] > 0
        assert execution.elapsed_s >= marks_s[-1]

    def test_execution_of_nothing_takes_no_time_worth_mentioning(self, under_test: DeviceUnderTest) -> None:
        """The contract holds at its edge: a workload without blocks."""
        # The best of several: a busy machine may be elsewhere for a moment.
        assert 0 <= min(under_test.run(Workload(blocks=())) for _ in range(5)) < 1e-3

    def test_execution_tells_joules_or_none(self, under_test: DeviceUnderTest) -> None:
        """The joules of one run are None or positive, and None where there is no meter."""
        device = under_test.device
        for _ in range(2):
            with device.execution(COMPUTE_BOUND) as execution:
                for block in COMPUTE_BOUND.blocks:
                    under_test.work(block)
            assert execution.energy_j is None or (under_test.metered and execution.energy_j > 0)

    def test_execution_passes_an_exception_on(self, under_test: DeviceUnderTest) -> None:
        """A failed computation leaves the device ready for the next one."""
        device = under_test.device

        def fail() -> None:
            with device.execution(COMPUTE_BOUND):
                raise RuntimeError("the computation failed")

        with pytest.raises(RuntimeError, match="the computation failed"):
            fail()
        assert under_test.run() > 0

    def test_execution_inside_an_execution_is_refused(self, device: Device) -> None:
        """One thread cannot wait for itself: it is told, instead of standing still for ever."""
        with (
            device.execution(COMPUTE_BOUND),
            pytest.raises(DeviceError, match="leave that one first"),
            device.execution(COMPUTE_BOUND),
        ):
            pass

    def test_one_execution_at_a_time(self, under_test: DeviceUnderTest) -> None:
        """Two threads' executions never overlap; both are served."""
        device = under_test.device
        inside: list[int] = []
        most = 0
        guard = threading.Lock()

        def work() -> None:
            nonlocal most
            for _ in range(5):
                with device.execution(COMPUTE_BOUND) as execution:
                    with guard:
                        inside.append(1)
                        most = max(most, len(inside))
                    under_test.work(COMPUTE_BOUND.blocks[0])
                    execution.mark()
                    with guard:
                        inside.pop()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads)
        assert most == 1

    def test_higher_core_clock_is_never_slower_on_arithmetic(self, under_test: DeviceUnderTest) -> None:
        """Up the ladder of one memory clock compute-bound work gets faster, within noise."""
        device = under_test.device
        clocks_mhz = device.clock_table.core_clocks_mhz(device.clock_table.top.memory_mhz)
        chosen = sorted({clocks_mhz[0], clocks_mhz[len(clocks_mhz) // 2], clocks_mhz[-1]})
        times_s = []
        with device.lease(device.clock_table.top) as lease:
            for core_mhz in chosen:
                lease.move(OperatingPoint(core_mhz=core_mhz, memory_mhz=device.clock_table.top.memory_mhz))
                times_s.append(under_test.run())
        for slower_s, faster_s in pairwise(times_s):
            assert faster_s <= slower_s * (1 + under_test.relative_noise)
        if len(chosen) > 1:
            assert times_s[-1] < times_s[0]

    def test_state_is_sane(self, under_test: DeviceUnderTest) -> None:
        """Time moves forwards, a held point is on the table, watts and degrees are of this world."""
        device = under_test.device
        before = device.state()
        with device.lease(device.clock_table.points[0]):
            under_test.run()
            after = device.state()
        assert before.time_s <= after.time_s <= under_test.clock.now_s()
        assert device.clock_table.find(after.point)
        assert after.temperature_c is None or -40 <= after.temperature_c <= 125
        if under_test.metered:
            assert after.energy_j is not None
            assert after.power_w is not None
            assert 0 < after.power_w < 2000
            assert after.energy_time_s is not None
            assert after.energy_time_s <= after.time_s
        else:
            assert after.energy_j is None

    def test_energy_counter_never_falls(self, under_test: DeviceUnderTest) -> None:
        """However often it is read, busy or idle."""
        device, clock = under_test.device, under_test.clock
        readings = []
        for _ in range(12):
            readings.append(device.state())
            under_test.run()
            clock.sleep_until_s(clock.now_s() + (device.info.meter_period_s or 0.0) / 3)
        energies_j = [state.energy_j for state in readings if state.energy_j is not None]
        ticks_s = [state.energy_time_s for state in readings if state.energy_time_s is not None]
        assert len(energies_j) == len(ticks_s) == (12 if under_test.metered else 0)
        assert energies_j == sorted(energies_j)
        assert ticks_s == sorted(ticks_s)
        assert not under_test.metered or energies_j[-1] > energies_j[0]

    def test_energy_windows_agree_with_power(self, under_test: DeviceUnderTest) -> None:
        """Joules between two ticks over the seconds between them are the watts reported meanwhile."""
        device, clock, period_s = under_test.device, under_test.clock, under_test.device.info.meter_period_s
        if period_s is None:
            with pytest.raises(DeviceError, match="no energy meter"):
                read_at_tick(device, clock)
            return
        with device.lease(device.clock_table.top):
            begin = read_at_tick(device, clock)
            watts = []
            for _ in range(under_test.window_periods):
                clock.sleep_until_s(clock.now_s() + period_s)
                power_w = device.state().power_w
                assert power_w is not None
                watts.append(power_w)
            end = read_at_tick(device, clock)
        window = window_between(begin, end)
        assert window.duration_s >= 0.95 * under_test.window_periods * period_s
        assert window.power_w == pytest.approx(sum(watts) / len(watts), rel=under_test.relative_noise)

    def test_working_draws_more_than_waiting(self, under_test: DeviceUnderTest) -> None:
        """At the same held clock a window full of work costs more than an idle one of the same length."""
        device, clock, period_s = under_test.device, under_test.clock, under_test.device.info.meter_period_s
        if period_s is None:
            assert device.state().energy_j is None
            return
        with device.lease(device.clock_table.top):
            begin = read_at_tick(device, clock)
            clock.sleep_until_s(clock.now_s() + _BUSY_PERIODS * period_s)
            middle = read_at_tick(device, clock)
            under_test.run_for(_BUSY_PERIODS * period_s)
            end = read_at_tick(device, clock)
        assert window_between(middle, end).power_w > 1.05 * window_between(begin, middle).power_w

    def test_close_twice_then_refuse(self, device: Device) -> None:
        """Closing is safe twice; afterwards neither clocks nor work are granted."""
        top = device.clock_table.top
        device.close()
        device.close()
        with pytest.raises(DeviceError, match="closed"), device.lease(top):
            pass
        with pytest.raises(DeviceError, match="closed"), device.execution(COMPUTE_BOUND):
            pass

    def test_close_ends_a_lease(self, under_test: DeviceUnderTest) -> None:
        """Closing takes the clocks back; leaving the context afterwards does no harm."""
        device, before = under_test.device, under_test.settings()
        points = device.clock_table.points
        with device.lease(points[0]) as lease:
            device.close()
            with pytest.raises(ClockError, match="ended"):
                lease.move(points[-1])
        assert under_test.settings() == before
