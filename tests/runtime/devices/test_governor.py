"""The stock governor, and its calibration on the one board where it was measured."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Operation, OperationKind, Workload
from joulecut_runtime.devices.clock_policy import NO_CEILING_MHZ, Board, Pace
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.governor import Governed
from joulecut_runtime.devices.laws import Laws
from tests.runtime.devices.device_files import quiet_file
from tests.runtime.devices.reference_networks import mobilenet_v2
from tests.runtime.devices.test_calibration import shipped

BOARD = Board(laws=Laws(quiet_file()), table=quiet_file().clock_table)
REST = Governed.of(BOARD, quiet_file().governor)
ARITHMETIC = Operation(kind=OperationKind.MATMUL, flops=1e9, size_bytes=0.0)
FLOOR = OperatingPoint(core_mhz=100, memory_mhz=500)


def test_climbs_a_step_per_stretch_of_work() -> None:
    """10 ms of work at each clock: the operation of 11 ms at 100 MHz has a tenth left for 200 MHz, and so on up."""
    passage = REST.run((ARITHMETIC,) * 8, 0.0, Pace())
    assert [stretch.point.core_mhz for stretch in passage.stretches] == [100, 200, 300, 400]
    assert [stretch.end_s for stretch in passage.stretches[:3]] == pytest.approx([0.01, 0.02, 0.03])
    done = 0.01 / 11e-3 + 0.01 / 6e-3 + 0.01 / (1e-3 + 10e-3 / 3)
    assert passage.stretches[-1].end_s == pytest.approx(0.03 + (8 - done) * 3.5e-3)
    assert all(stretch.point.memory_mhz == 1000 for stretch in passage.stretches)


def test_partial_operations_cost_their_share() -> None:
    """Energy over a climb is each clock's power for as long as it ran there."""
    passage = REST.run((ARITHMETIC,) * 2, 0.0, Pace())
    at_100, at_200 = (BOARD.laws.operation_cost(ARITHMETIC, stretch.point) for stretch in passage.stretches)
    assert passage.stretches[0].power_w == pytest.approx(at_100.power_w)
    assert passage.stretches[1].power_w == pytest.approx(at_200.power_w)


def test_idles_down_after_a_while_and_only_then() -> None:
    """20 ms without work at the clock it has reached, then the floor of the ladder and its memory clock."""
    warm = REST.run((ARITHMETIC,) * 8, 0.0, Pace()).policy
    passage = warm.idle(1.0, 1.05, NO_CEILING_MHZ)
    assert [stretch.point for stretch in passage.stretches] == [BOARD.table.top, FLOOR]
    assert passage.stretches[0].end_s == pytest.approx(1.02)
    assert passage.policy.wanted(1.05) == FLOOR
    again = passage.policy.run((ARITHMETIC,), 1.05, Pace())
    assert again.stretches[0].point == OperatingPoint(core_mhz=100, memory_mhz=1000)


def test_a_short_pause_costs_no_step() -> None:
    """Work that comes back in time goes on where it was, however the pause was looked at meanwhile."""
    warm = REST.run((ARITHMETIC,) * 8, 0.0, Pace()).policy
    once = warm.idle(1.0, 1.012, NO_CEILING_MHZ).policy.idle(1.012, 1.018, NO_CEILING_MHZ).policy
    assert once.run((ARITHMETIC,), 1.018, Pace()).stretches[0].point == BOARD.table.top


def test_a_ceiling_holds_at_every_step() -> None:
    """Throttling limits the governor too."""
    passage = REST.run((ARITHMETIC,) * 8, 0.0, Pace(ceiling_mhz=200))
    assert max(stretch.point.core_mhz for stretch in passage.stretches) == 200


def test_orin_nano_at_100_hz_takes_as_long_as_measured() -> None:
    """A job of 3.88 ms back to back takes 6.33 ms when it comes every 10 ms and nobody pins the clocks."""
    clock = ManualClock()
    file = shipped("orin-nano-super")
    device = EmulatedDevice(file, clock=clock, seed=1)
    laws = Laws(file)
    whole_s = sum(laws.block_cost(block, file.clock_table.top).duration_s for block in mobilenet_v2().blocks)
    launches_s = len(mobilenet_v2().operations) * file.launch.launch_s
    scale = (3.88e-3 - launches_s) / (whole_s - launches_s)
    job = Workload(
        blocks=tuple(
            tuple(
                replace(operation, flops=operation.flops * scale, size_bytes=operation.size_bytes * scale)
                for operation in block
            )
            for block in mobilenet_v2().blocks
        )
    )
    times_s = []
    for request in range(100):
        clock.sleep_until_s(request * 0.01)
        with device.execution(job) as execution:
            pass
        times_s.append(execution.elapsed_s)
    assert statistics.median(times_s) == pytest.approx(6.33e-3, rel=0.05)
    with device.lease(file.clock_table.top), device.execution(job) as execution:
        pass
    assert execution.elapsed_s == pytest.approx(3.88e-3, rel=0.05)
