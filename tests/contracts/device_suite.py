"""What every Device must do, whichever backend answers.

Derive a test class from `DeviceSuite` and give it a fixture `under_test` that yields a fresh DeviceUnderTest.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import pairwise

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device, Lease
from joulecut_core.energy import read_at_tick, window_between
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_core.timing import Clock
from joulecut_core.workloads import Operation, OperationKind, Workload

_ARITHMETIC = Operation(kind=OperationKind.MATMUL, flops=2e9, size_bytes=3e6)
_STREAM = Operation(kind=OperationKind.COPY, flops=0.0, size_bytes=1e6)
COMPUTE_BOUND = Workload(blocks=((_ARITHMETIC, _ARITHMETIC), (_ARITHMETIC,), (_STREAM,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceUnderTest:
    """A device and the clock it lives by. `relative_noise` is how far one run may lie from another."""

    device: Device
    clock: Clock
    relative_noise: float = 0.08


def run(device: Device, workload: Workload = COMPUTE_BOUND) -> float:
    """Seconds of one execution, every block marked."""
    with device.execution(workload) as execution:
        for _ in workload.blocks:
            execution.mark()
    return execution.elapsed_s


class DeviceSuite:
    """Tests of the Device contract."""

    @pytest.fixture
    def under_test(self) -> DeviceUnderTest:
        raise NotImplementedError("a suite needs a fixture that yields a fresh device")

    @pytest.fixture
    def device(self, under_test: DeviceUnderTest) -> Device:
        return under_test.device

    def test_clock_table_is_sorted_and_has_a_top(self, device: Device) -> None:
        """Points ascend by memory clock, then core clock, each once; the last is the top."""
        points = device.clock_table.points
        keys = [(point.memory_mhz or 0.0, point.core_mhz) for point in points]
        assert keys == sorted(set(keys))
        assert device.clock_table.top == points[-1]
        assert all(point.core_mhz > 0 for point in points)

    def test_info_names_the_device_and_the_scope_of_its_watts(self, device: Device) -> None:
        """Whoever reads a figure can tell whose and of what it is."""
        info = device.info
        assert info.name
        assert info.backend
        assert info.uid
        assert info.power_scope
        assert info.meter_period_s is None or info.meter_period_s > 0
        assert device.info == info

    def test_lease_achieves_every_corner_of_the_table(self, device: Device) -> None:
        """A leased point is in force inside the context, in the lease's eyes and in the state's."""
        points = device.clock_table.points
        for point in (points[0], points[len(points) // 2], points[-1]):
            with device.lease(point) as lease:
                assert lease.requested.matches(point)
                assert lease.achieved().matches(point)
                assert device.state().point.matches(point)

    def test_move_returns_what_was_achieved(self, device: Device) -> None:
        """Moving within a lease waits until the new clock is in force."""
        points = device.clock_table.points
        with device.lease(points[0]) as lease:
            assert lease.move(points[-1]).matches(points[-1])
            assert lease.requested.matches(points[-1])
            assert device.state().point.matches(points[-1])

    def test_lease_is_exclusive(self, device: Device) -> None:
        """A second lease is refused while the first lasts, and granted afterwards."""
        top = device.clock_table.top
        with device.lease(top):
            with pytest.raises(LeaseError), device.lease(top):
                pass
            assert device.state().point.matches(top)
        with device.lease(top):
            pass

    def test_lease_restores_after_an_exception(self, device: Device) -> None:
        """An error inside the context passes on unchanged and leaves the clocks free."""
        top = device.clock_table.top

        def fail() -> None:
            with device.lease(top):
                raise RuntimeError("the work failed")

        with pytest.raises(RuntimeError, match="the work failed"):
            fail()
        with device.lease(device.clock_table.points[0]) as lease:
            assert lease.achieved().matches(device.clock_table.points[0])

    def test_ended_lease_moves_no_more(self, device: Device) -> None:
        """What somebody kept of a lease has no power once its context has ended."""
        kept: list[Lease] = []
        with device.lease(device.clock_table.top) as lease:
            kept.append(lease)
        with pytest.raises(ClockError, match="ended"):
            kept[0].move(device.clock_table.points[0])

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

    def test_execution_times_its_blocks(self, device: Device) -> None:
        """Marks ascend, one per block, and the last is not after the end."""
        with device.lease(device.clock_table.top), device.execution(COMPUTE_BOUND) as execution:
            for _ in COMPUTE_BOUND.blocks:
                execution.mark()
        marks_s = execution.marks_s
        assert len(marks_s) == len(COMPUTE_BOUND.blocks)
        assert list(marks_s) == sorted(marks_s)
        assert marks_s[0] > 0
        assert execution.elapsed_s >= marks_s[-1]

    def test_execution_of_nothing_takes_no_time_worth_mentioning(self, device: Device) -> None:
        """The contract holds at its edge: a workload without blocks."""
        assert 0 <= run(device, Workload(blocks=())) < 1e-3

    def test_execution_passes_an_exception_on(self, device: Device) -> None:
        """A failed computation leaves the device ready for the next one."""

        def fail() -> None:
            with device.execution(COMPUTE_BOUND):
                raise RuntimeError("the computation failed")

        with pytest.raises(RuntimeError, match="the computation failed"):
            fail()
        assert run(device) > 0

    def test_one_execution_at_a_time(self, device: Device) -> None:
        """Two threads' executions never overlap; both are served."""
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
                times_s.append(run(device))
        for slower_s, faster_s in pairwise(times_s):
            assert faster_s <= slower_s * (1 + under_test.relative_noise)
        if len(chosen) > 1:
            assert times_s[-1] < times_s[0]

    def test_state_is_sane(self, under_test: DeviceUnderTest) -> None:
        """Time moves forwards, the point is on the table, watts and degrees are of this world."""
        device = under_test.device
        before = device.state()
        run(device)
        after = device.state()
        assert before.time_s <= after.time_s <= under_test.clock.now_s()
        assert device.clock_table.find(after.point)
        assert after.temperature_c is None or -40 <= after.temperature_c <= 125
        if device.info.meter_period_s is None:
            assert after.energy_j is None
        else:
            assert after.power_w is not None
            assert 0 < after.power_w < 2000
            assert after.energy_time_s is not None
            assert after.energy_time_s <= after.time_s

    def test_energy_counter_never_falls(self, under_test: DeviceUnderTest) -> None:
        """However often it is read, busy or idle."""
        device, clock = under_test.device, under_test.clock
        readings = []
        for _ in range(50):
            readings.append(device.state())
            run(device)
            clock.sleep_until_s(clock.now_s() + (device.info.meter_period_s or 0.0) / 3)
        energies_j = [state.energy_j for state in readings if state.energy_j is not None]
        ticks_s = [state.energy_time_s for state in readings if state.energy_time_s is not None]
        assert energies_j == sorted(energies_j)
        assert ticks_s == sorted(ticks_s)

    def test_energy_windows_agree_with_power(self, under_test: DeviceUnderTest) -> None:
        """Joules between two ticks over the seconds between them are the watts reported meanwhile."""
        device, clock = under_test.device, under_test.clock
        if device.info.meter_period_s is None:
            pytest.skip("this device has no energy meter")
        period_s = device.info.meter_period_s
        with device.lease(device.clock_table.top):
            begin = read_at_tick(device, clock)
            watts = []
            for _ in range(40):
                clock.sleep_until_s(clock.now_s() + period_s)
                power_w = device.state().power_w
                assert power_w is not None
                watts.append(power_w)
            end = read_at_tick(device, clock)
        window = window_between(begin, end)
        assert window.duration_s >= 40 * period_s
        assert window.power_w == pytest.approx(sum(watts) / len(watts), rel=under_test.relative_noise)

    def test_working_draws_more_than_waiting(self, under_test: DeviceUnderTest) -> None:
        """At the same held clock a window full of work costs more than an idle one of the same length."""
        device, clock = under_test.device, under_test.clock
        if device.info.meter_period_s is None:
            pytest.skip("this device has no energy meter")
        with device.lease(device.clock_table.top):
            begin = read_at_tick(device, clock)
            clock.sleep_until_s(clock.now_s() + 30 * device.info.meter_period_s)
            middle = read_at_tick(device, clock)
            while clock.now_s() < middle.time_s + 30 * device.info.meter_period_s:
                run(device)
            end = read_at_tick(device, clock)
        assert window_between(middle, end).power_w > 1.05 * window_between(begin, middle).power_w

    def test_close_twice_then_refuse(self, device: Device) -> None:
        """Closing is safe twice; afterwards neither clocks nor work are granted."""
        device.close()
        device.close()
        with pytest.raises(DeviceError, match="closed"), device.lease(device.clock_table.top):
            pass
        with pytest.raises(DeviceError, match="closed"), device.execution(COMPUTE_BOUND):
            pass

    def test_close_ends_a_lease(self, device: Device) -> None:
        """Closing takes the clocks back; leaving the context afterwards does no harm."""
        with device.lease(device.clock_table.top) as lease:
            device.close()
            with pytest.raises(ClockError, match="ended"):
                lease.move(device.clock_table.points[0])
