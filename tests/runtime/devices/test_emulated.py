"""The emulated device: pacing, books, leases, throttling, chance."""

from __future__ import annotations

import statistics
import threading
from dataclasses import replace

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import ThrottleReason
from joulecut_core.errors import DeviceError
from joulecut_core.timing import ManualClock, ScaledClock
from joulecut_core.workloads import Operation, OperationKind, Workload
from joulecut_runtime.devices.device_file import DeviceFile
from joulecut_runtime.devices.emulated import EmulatedDevice
from tests.runtime.devices.device_files import capped_file, noisy_file, quiet_file

ARITHMETIC = Operation(kind=OperationKind.MATMUL, flops=1e9, size_bytes=0.0)
STREAM = Operation(kind=OperationKind.COPY, flops=0.0, size_bytes=1e7)
WORK = Workload(blocks=((ARITHMETIC,), (ARITHMETIC, ARITHMETIC), (STREAM,)))
ONE = Workload(blocks=((ARITHMETIC,),))
AT_200 = OperatingPoint(core_mhz=200, memory_mhz=1000)
TOP = OperatingPoint(core_mhz=400, memory_mhz=1000)


def opened(file: DeviceFile | None = None, *, seed: int = 0) -> tuple[EmulatedDevice, ManualClock]:
    clock = ManualClock(start_s=50.0)
    return EmulatedDevice(file or quiet_file(), clock=clock, seed=seed), clock


def test_execution_lasts_as_long_as_the_laws_say() -> None:
    """Marks at 6, 18 and 29 ms at 200 MHz; the clock stands at the emulated end."""
    device, clock = opened()
    with device.lease(AT_200):
        start_s = clock.now_s()
        with device.execution(WORK) as execution:
            for _ in WORK.blocks:
                execution.mark()
    assert execution.marks_s == pytest.approx((6e-3, 18e-3, 29e-3), rel=1e-3)
    assert execution.elapsed_s == execution.marks_s[-1]
    assert clock.now_s() - start_s == pytest.approx(execution.elapsed_s)
    assert device.overrun_s == 0.0


def test_a_host_that_is_late_at_a_block_can_catch_up() -> None:
    """The schedule is absolute: 10 ms of host work for the first block show in its mark alone."""
    device, clock = opened()
    with device.lease(AT_200), device.execution(WORK) as execution:
        clock.advance_s(10e-3)
        execution.mark()
        execution.mark()
    assert execution.marks_s == pytest.approx((10e-3, 18e-3))
    assert execution.elapsed_s == pytest.approx(29e-3, rel=1e-3)
    assert device.overrun_s == 0.0


def test_a_host_that_is_too_slow_is_counted() -> None:
    """Never earlier than emulated, and later is overrun: the device waits meanwhile at its idle draw."""
    device, clock = opened()
    with device.lease(AT_200), device.execution(ONE) as execution:
        clock.advance_s(10e-3)
    assert execution.elapsed_s == pytest.approx(10e-3)
    assert device.overrun_s == pytest.approx(4e-3)
    assert execution.energy_j == pytest.approx(5e-3 * 10 + 10e-3 * 4)


def test_more_marks_than_blocks_are_refused() -> None:
    """Somebody's workload does not describe what runs."""
    device, _ = opened()
    with device.execution(ONE) as execution:
        execution.mark()
        with pytest.raises(DeviceError, match="mark 2 of a workload of 1 blocks"):
            execution.mark()


def test_times_are_read_after_the_end() -> None:
    """A half-finished execution has no elapsed time or energy."""
    device, _ = opened()
    with device.execution(ONE) as execution:
        with pytest.raises(DeviceError, match="has not ended"):
            _ = execution.elapsed_s
        with pytest.raises(DeviceError, match="has not ended"):
            _ = execution.energy_j


def test_an_execution_inside_an_execution_is_refused() -> None:
    """It would wait for itself for ever."""
    device, _ = opened()
    with device.execution(ONE), pytest.raises(DeviceError, match="already"), device.execution(ONE):
        pass


def test_books_balance() -> None:
    """Energy of the executions plus idling between them is the counter, to the quantum."""
    device, clock = opened()
    booked_j = 0.0
    with device.lease(AT_200):
        begin_j, start_s = device.exact_energy_j, clock.now_s()
        busy_s = 0.0
        for pause_s in (0.0, 0.013, 0.25, 0.001):
            with device.execution(WORK) as execution:
                pass
            assert execution.energy_j is not None
            booked_j += execution.energy_j
            busy_s += execution.elapsed_s
            clock.advance_s(pause_s)
        idle_j = (clock.now_s() - start_s - busy_s) * 4.0
        assert device.exact_energy_j - begin_j == pytest.approx(booked_j + idle_j, rel=1e-9)
        clock.sleep_until_s(50.0 + 1.0)
        counter_j = device.state().energy_j
        assert counter_j == pytest.approx(device.exact_energy_j, abs=2e-6)


def test_an_abandoned_execution_is_booked_until_it_failed() -> None:
    """3 of 6 ms at the block's draw, then waiting."""
    device, clock = opened()

    def fail() -> None:
        with device.execution(ONE):
            clock.advance_s(3e-3)
            raise RuntimeError("failed")

    with device.lease(AT_200):
        begin_j = device.exact_energy_j
        with pytest.raises(RuntimeError, match="failed"):
            fail()
        clock.advance_s(10e-3)
        drawn_j = device.exact_energy_j - begin_j
    assert drawn_j == pytest.approx(3e-3 * (5 * 10 + 6 * 4) / 6 + 10e-3 * 4)


def test_clock_changes_take_their_time() -> None:
    """5 ms for the core, 8 ms for the memory or both, none for no change; the old clocks draw meanwhile."""
    device, clock = opened()
    with device.lease(TOP) as lease:
        for point, settle_s in (
            (AT_200, 5e-3),
            (OperatingPoint(core_mhz=200, memory_mhz=500), 8e-3),
            (TOP, 8e-3),
            (TOP, 0.0),
        ):
            before_s = clock.now_s()
            lease.move(point)
            assert clock.now_s() - before_s == pytest.approx(settle_s)
        begin_j = device.exact_energy_j
        lease.move(AT_200)
        assert device.exact_energy_j - begin_j == pytest.approx(5e-3 * 6.0)


def test_a_move_during_an_execution_counts_from_the_next_block() -> None:
    """Per-block clocks: the block in progress ends as it began, the others run at the new clock."""
    device, _ = opened(replace(quiet_file(), settle=replace(quiet_file().settle, core_s=0.0)))
    work = Workload(blocks=((ARITHMETIC,), (ARITHMETIC,), (ARITHMETIC,)))
    with device.lease(AT_200) as lease, device.execution(work) as execution:
        execution.mark()
        lease.move(TOP)
        execution.mark()
        execution.mark()
    first_s, second_s, third_s = execution.marks_s
    assert first_s == pytest.approx(6e-3)
    assert second_s == pytest.approx(12e-3)
    assert third_s == pytest.approx(15.5e-3)


def test_a_lease_taken_during_the_last_block_survives_it() -> None:
    """The clocks are the holder's after the execution, not the governor's."""
    device, clock = opened()
    with device.execution(ONE), device.lease(AT_200):
        pass
    with device.execution(ONE):
        lease = device.lease(AT_200)
        held = lease.__enter__()
    clock.advance_s(1.0)
    assert held.achieved() == AT_200
    lease.__exit__(None, None, None)
    clock.advance_s(1.0)
    assert device.state().point == OperatingPoint(core_mhz=100, memory_mhz=500)


def test_without_a_lease_the_governor_idles_down() -> None:
    """After the lease the board draws its floor: 2 W at 100/500 MHz."""
    device, clock = opened()
    with device.lease(TOP):
        pass
    clock.advance_s(0.02)
    begin_j = device.exact_energy_j
    clock.advance_s(1.0)
    assert device.exact_energy_j - begin_j == pytest.approx(2.0)


def test_power_cap_falls_back_along_the_ladder() -> None:
    """Arithmetic would draw 35 W at 400 MHz and 22 W at 300: a limit of 20 W leaves 200 MHz, and says why."""
    device, _ = opened(capped_file(20.0))
    with device.lease(TOP) as lease:
        with device.execution(ONE) as execution:
            pass
        assert lease.requested == TOP
        assert lease.achieved() == replace(TOP, core_mhz=200)
        assert device.state().throttle == {ThrottleReason.POWER_CAP}
        assert execution.energy_j == pytest.approx(5e-3 * 10 + 6e-3 * 4)
        with device.execution(Workload(blocks=((STREAM,),))):
            pass
        assert lease.move(AT_200) == AT_200
        assert device.state().throttle == frozenset()


def test_power_cap_lets_light_work_run_at_the_top() -> None:
    """The limit is on what is drawn, not on the clock."""
    device, _ = opened(capped_file(20.0))
    cast = Workload(blocks=((Operation(kind=OperationKind.HOST_CAST, flops=0, size_bytes=1e6),),))
    with device.lease(TOP) as lease, device.execution(cast):
        assert lease.achieved() == TOP


def test_heat_throttles_and_cooling_ends_it() -> None:
    """At 90 degrees the core falls to 200 MHz with its reason; below it comes back."""
    device, _ = opened()
    with device.lease(TOP) as lease:
        device.set_temperature_c(90)
        assert lease.achieved() == AT_200
        assert device.state().throttle == {ThrottleReason.THERMAL}
        assert device.state().temperature_c == 90
        with device.execution(ONE) as execution:
            pass
        assert execution.elapsed_s == pytest.approx(6e-3)
        device.set_temperature_c(60)
        assert lease.achieved() == TOP
        assert device.state().throttle == frozenset()


def test_forced_throttle_snaps_to_the_ladder_in_mid_execution() -> None:
    """250 MHz is no step: 200 is; the next block already runs there, and an idle governor is not throttled."""
    device, clock = opened()
    work = Workload(blocks=((ARITHMETIC,), (ARITHMETIC,)))
    with device.lease(TOP), device.execution(work) as execution:
        clock.advance_s(1e-3)
        device.throttle_to(250)
        execution.mark()
        execution.mark()
        assert device.state().throttle == {ThrottleReason.HARDWARE}
    assert execution.marks_s == pytest.approx((3.5e-3, 9.5e-3))
    clock.advance_s(1.0)
    assert device.state().throttle == frozenset()
    device.throttle_to(None)


def test_same_seed_same_story() -> None:
    """Times, joules and meter readings repeat exactly; another seed tells another story."""

    def story(seed: int) -> list[float | None]:
        device, clock = opened(noisy_file(), seed=seed)
        told: list[float | None] = []
        with device.lease(AT_200):
            for _ in range(5):
                with device.execution(WORK) as execution:
                    execution.mark()
                clock.advance_s(0.01)
                told += [*execution.marks_s, execution.elapsed_s, execution.energy_j, device.state().energy_j]
        return told

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_reading_the_state_changes_no_fate() -> None:
    """Noise of executions does not depend on who looks at the meter."""

    def times_s(*, looking: bool) -> list[float]:
        device, _ = opened(noisy_file(), seed=9)
        seen = []
        for _ in range(5):
            with device.execution(WORK) as execution:
                pass
            seen.append(execution.elapsed_s)
            if looking:
                device.state()
        return seen

    assert times_s(looking=True) == times_s(looking=False)


def test_noise_has_the_size_of_the_file() -> None:
    """1 % from run to run in time, about its mean."""
    device, _ = opened(noisy_file(), seed=4)
    times_s = []
    with device.lease(AT_200):
        for _ in range(400):
            with device.execution(ONE) as execution:
                pass
            times_s.append(execution.elapsed_s)
    assert statistics.mean(times_s) == pytest.approx(6e-3, rel=0.003)
    assert statistics.stdev(times_s) / 6e-3 == pytest.approx((0.01**2 + 0.005**2) ** 0.5, rel=0.15)


def test_lives_on_a_scaled_clock() -> None:
    """With a slow-down of 2 the same 6 emulated ms pass while a host computes for up to 12 ms."""
    clock = ScaledClock(2.0)
    device = EmulatedDevice(quiet_file(), clock=clock, seed=0)
    with device.lease(AT_200):
        with device.execution(ONE) as execution:
            pass
        assert execution.elapsed_s == pytest.approx(6e-3, rel=1e-6)


def test_readers_do_not_wait_for_an_execution() -> None:
    """A monitor reads the state while another thread computes; the energy it sees never falls."""
    device, clock = opened()
    entered, leave = threading.Event(), threading.Event()

    def work() -> None:
        with device.execution(WORK):
            entered.set()
            leave.wait(timeout=10)

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(timeout=10)
    readings = []
    for _ in range(10):
        clock.advance_s(2e-3)
        readings.append(device.state().energy_j)
    leave.set()
    thread.join(timeout=10)
    readings.append(device.state().energy_j)
    assert readings == sorted(readings, key=lambda energy_j: energy_j or 0.0)
    assert device.exact_energy_j > 0
