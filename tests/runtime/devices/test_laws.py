"""The physics of emulation."""

from __future__ import annotations

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.workloads import Operation, OperationKind, Workload
from joulecut_runtime.devices.laws import Laws
from tests.runtime.devices.device_files import quiet_file

LAWS = Laws(quiet_file())
ARITHMETIC = Operation(kind=OperationKind.MATMUL, flops=1e9, size_bytes=0.0)
STREAM = Operation(kind=OperationKind.COPY, flops=0.0, size_bytes=1e7)
NOTHING = Operation(kind=OperationKind.ELEMENTWISE, flops=0.0, size_bytes=0.0)


def at(core_mhz: float, memory_mhz: float = 1000) -> OperatingPoint:
    return OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz)


def test_arithmetic_scales_with_the_core_clock_but_its_launch_does_not() -> None:
    """10 ms of work at 100 MHz and a launch of 1 ms: 11, 6 and 3.5 ms."""
    times_s = [LAWS.operation_cost(ARITHMETIC, at(mhz)).duration_s for mhz in (100, 200, 400)]
    assert times_s == pytest.approx([11e-3, 6e-3, 3.5e-3])


def test_empty_operation_takes_its_launch_at_any_clock() -> None:
    """What no clock shortens is what makes a slow clock cheap."""
    assert {LAWS.operation_cost(NOTHING, point).duration_s for point in quiet_file().clock_table.points} == {1e-3}


def test_streaming_is_flat_in_the_core_clock_and_scales_with_the_memory_clock() -> None:
    """10 MB at 1 GB/s: 10 ms beside the launch whatever the core does, twice that at half the memory clock."""
    assert LAWS.operation_cost(STREAM, at(200)).duration_s == pytest.approx(11e-3, rel=1e-3)
    assert LAWS.operation_cost(STREAM, at(400)).duration_s == pytest.approx(11e-3, rel=1e-3)
    assert LAWS.operation_cost(STREAM, at(200, 500)).duration_s == pytest.approx(21e-3, rel=1e-3)


def test_compute_and_memory_overlap_with_a_smooth_knee() -> None:
    """Equal shares take longer than one, less than their sum; far from balance the longer one decides."""
    balanced = Operation(kind=OperationKind.MATMUL, flops=1e9, size_bytes=1e7)
    lopsided = Operation(kind=OperationKind.MATMUL, flops=1e9, size_bytes=1e6)
    assert 11e-3 < LAWS.operation_cost(balanced, at(100)).duration_s - 0.5e-3 < 14e-3
    assert LAWS.operation_cost(lopsided, at(100)).duration_s == pytest.approx(11e-3, rel=1e-3)


def test_power_has_a_knee() -> None:
    """10 W at the knee of 200 MHz: half of it at half the clock, four times at twice the clock."""
    assert [LAWS.dynamic_w(mhz) for mhz in (100, 200, 400)] == pytest.approx([5.0, 10.0, 40.0])


def test_energy_is_idle_plus_activity() -> None:
    """At 200 MHz 5 ms of arithmetic at 10 W stand on 6 ms of idling at 4 W; waiting for memory counts half."""
    assert LAWS.operation_cost(ARITHMETIC, at(200)).energy_j == pytest.approx(5e-3 * 10 + 6e-3 * 4)
    assert LAWS.operation_cost(STREAM, at(200)).energy_j == pytest.approx(10e-3 * 5 + 11e-3 * 4, rel=1e-3)
    assert LAWS.operation_cost(NOTHING, at(200)).energy_j == pytest.approx(1e-3 * 4)


def test_codecs_run_on_the_host() -> None:
    """A JPEG of 1 MB takes 10 ms at any clock and draws the host's watts on top of waiting."""
    encode = Operation(kind=OperationKind.HOST_JPEG_ENCODE, flops=0.0, size_bytes=1e6)
    for point in (at(100), at(400)):
        cost = LAWS.operation_cost(encode, point)
        assert cost.duration_s == pytest.approx(10e-3)
        assert cost.power_w == pytest.approx(LAWS.idle_w(point) + 3.0)


def test_a_view_is_free() -> None:
    """Nothing is launched for it."""
    view = Operation(kind=OperationKind.VIEW, flops=5.0, size_bytes=1e9)
    assert LAWS.operation_cost(view, at(100)).duration_s == 0.0
    assert LAWS.operation_cost(view, at(100)).energy_j == 0.0


def test_a_block_is_the_sum_of_its_operations() -> None:
    """Seconds and joules alike."""
    block = (ARITHMETIC, STREAM, NOTHING)
    costs = [LAWS.operation_cost(operation, at(300)) for operation in block]
    assert LAWS.block_cost(block, at(300)).duration_s == pytest.approx(sum(cost.duration_s for cost in costs))
    assert LAWS.block_cost(block, at(300)).energy_j == pytest.approx(sum(cost.energy_j for cost in costs))


def test_a_workload_without_time_draws_what_idling_draws() -> None:
    """No division by zero."""
    assert LAWS.power_w(Workload(blocks=()), at(200)) == LAWS.idle_w(at(200))
