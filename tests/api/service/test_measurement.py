"""What is measured of units is what the device does: its laws' seconds and watts, its idle draw, its settling."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import joulecut_runtime.devices
from joulecut.service.benches import unit_operations
from joulecut.service.measurement import (
    BatchWork,
    ServicePlan,
    idle_power_w,
    measure_units,
)
from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.device_file import DeviceFile, load_device_file
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.laws import Laws
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.switching import switching_time_s
from tests.fakes.hardware import FakeHardware, opened
from tests.runtime.quantised.small_networks import mixed_network

PLAN = ServicePlan()


def v100() -> DeviceFile:
    return load_device_file(Path(joulecut_runtime.devices.__file__).parent / "files" / "v100.toml")


@contextmanager
def emulated() -> Iterator[tuple[EmulatedDevice, ManualClock]]:
    clock = ManualClock()
    device = EmulatedDevice(v100(), clock=clock, seed=3)
    try:
        yield device, clock
    finally:
        device.close()


def work_of(network: Network, bounds: tuple[int, ...]) -> BatchWork:
    units = unit_operations(network, bounds)
    return BatchWork(operations=units, runs=(lambda: None,) * len(units))


@pytest.mark.parametrize("core_mhz", [1380.0, 607.0])
def test_units_take_what_the_laws_say(core_mhz: float) -> None:
    """Seconds and watts of each unit come out as the emulated device's own laws have them, up to its noise."""
    network = mixed_network(4)
    work, laws = work_of(network, (0, 1, network.table.last)), Laws(v100())
    with emulated() as (device, clock):
        point = device.clock_table.find(OperatingPoint(core_mhz=core_mhz, memory_mhz=None))
        with device.lease(point):
            figures = measure_units(device, clock, work, PLAN)
    for time_s, busy_w, operations in zip(figures.time_s, figures.busy_w, work.operations, strict=True):
        cost = laws.block_cost(operations, point)
        assert time_s == pytest.approx(cost.duration_s, rel=0.02)
        assert busy_w == pytest.approx(cost.power_w, rel=0.02)


def test_idle_watts_and_changes_are_the_devices() -> None:
    """Waiting at a held clock draws what the device draws then; a change takes as long as its clock needs to settle."""
    with emulated() as (device, clock):
        points = device.clock_table.points
        with device.lease(points[0]) as lease:
            assert idle_power_w(device, clock, PLAN) == pytest.approx(Laws(v100()).idle_w(points[0]), rel=0.01)
            assert switching_time_s(lease, clock, points) == pytest.approx(v100().settle.core_s, rel=1e-6)
            assert switching_time_s(lease, clock, points[:1]) == 0.0
            assert switching_time_s(lease, clock, points[:2], moves=1) == pytest.approx(v100().settle.core_s, rel=1e-6)


def test_a_meter_is_asked_where_single_runs_have_no_joules() -> None:
    """Real meters cannot tell a millisecond apart: units then run back to back until the meter has ticked often."""
    hardware = FakeHardware(clock=ManualClock(start_s=50.0))
    device: Device = opened(hardware)
    network = mixed_network()
    units = unit_operations(network, (0, network.table.last))
    work = BatchWork(operations=units, runs=(lambda: hardware.compute(1e9),))
    top = device.clock_table.top
    with device.lease(top):
        begin_s = hardware.clock.now_s()
        figures = measure_units(device, hardware.clock, work, ServicePlan(repetitions=2, window_periods=10))
        assert hardware.clock.now_s() - begin_s > 9.5 * (device.info.meter_period_s or 0.0)
        assert idle_power_w(device, hardware.clock, PLAN) == pytest.approx(8.8, rel=0.02)
    assert figures.time_s[0] == pytest.approx(1e9 / (1e9 * top.core_mhz), rel=0.01)
    assert figures.busy_w[0] == pytest.approx(28.0, rel=0.02)
    device.close()


@pytest.mark.parametrize("field", ["repetitions", "window_periods", "moves"])
def test_impossible_plans_are_refused(field: str) -> None:
    """No repetitions would be no measurement."""
    with pytest.raises(ConfigError, match=f"{field} is 0"):
        ServicePlan(**{field: 0})
