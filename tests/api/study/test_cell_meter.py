"""Measuring one cell: windows, the governor, layers, devices without a meter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import pytest
import torch

from joulecut.study.cell_meter import CellMeter, LayeredWork, Stand, Work
from joulecut.study.layers import Layer, layers_of, whole_workload
from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_core.errors import ClockError
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Workload
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.opening import open_device
from tests.api.study.tiny_networks import METER, wide


def nothing() -> None:
    """The computation of an emulated device."""


@cache
def layers() -> tuple[Layer, ...]:
    """What is measured, layer by layer."""
    return layers_of(capture(wide(), (torch.zeros(8, 3, 32, 32),), name="wide"))


def whole_work() -> Work:
    """All layers as one piece of work."""
    return Work(workload=whole_workload(layers()), compute=nothing)


def layered_work() -> LayeredWork:
    """The same with its steps."""
    steps = tuple(Work(workload=layer.workload, compute=nothing) for layer in layers())
    return LayeredWork(workload=whole_workload(layers()), steps=steps)


class _Execution:
    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return None if name == "energy_j" else getattr(self._inner, name)


class Coarse:
    """An emulated device that cannot tell the joules of a single execution; without a meter too, if asked."""

    def __init__(self, device: EmulatedDevice, *, metered: bool) -> None:
        self._device = device
        self.clock_table = device.clock_table
        self.lease = device.lease
        self.close = device.close
        self.info: DeviceInfo = device.info if metered else replace(device.info, meter_period_s=None)

    def state(self) -> DeviceState:
        """The device's, or what is left of it without a meter."""
        state = self._device.state()
        if self.info.meter_period_s is not None:
            return state
        return replace(state, power_w=None, energy_j=None, energy_time_s=None)

    @contextmanager
    def execution(self, workload: Workload) -> Iterator[object]:
        """The device's, without joules."""
        with self._device.execution(workload) as execution:
            yield _Execution(execution)


def meter(*, coarse: bool = False, metered: bool = True, host_mhz: float | None = None) -> CellMeter:
    """A meter on a fresh emulated V100."""
    clock = ManualClock()
    device = open_device("emulated:v100", clock=clock)
    assert isinstance(device, EmulatedDevice)
    stood = Coarse(device, metered=metered) if coarse or not metered else device
    return CellMeter(Stand(device=stood, clock=clock, host_mhz=lambda: host_mhz), METER)  # type: ignore[arg-type]


def top() -> OperatingPoint:
    """The device's highest clock."""
    return open_device("emulated:v100", clock=ManualClock()).clock_table.top


def test_the_governor_is_measured_once_it_has_climbed() -> None:
    """Without a lease the device runs at its top by the time the window opens, as fast as a lease there."""
    held, governed = meter().whole(whole_work(), top(), wait=False), meter().whole(whole_work(), None, wait=False)
    assert governed.achieved == held.achieved == top()
    assert governed.latency_s == pytest.approx(held.latency_s, rel=0.02)


def test_a_lower_clock_is_slower_and_draws_less() -> None:
    """The clock that was asked for is in force while it is measured."""
    low = OperatingPoint(core_mhz=690.0)
    half, full = meter().whole(whole_work(), low, wait=False), meter().whole(whole_work(), top(), wait=False)
    assert half.achieved == low
    assert half.latency_s > 1.2 * full.latency_s
    assert half.power_w is not None
    assert full.power_w is not None
    assert half.power_w < full.power_w


def test_waiting_draws_less_than_working_and_only_where_asked() -> None:
    """The idle window is at the same clock, after work."""
    result = meter().whole(whole_work(), top(), wait=True)
    assert result.wait_w is not None
    assert result.power_w is not None
    assert 0 < result.wait_w < result.power_w
    assert meter().whole(whole_work(), top(), wait=False).wait_w is None


def test_layers_add_up_to_the_whole() -> None:
    """Seconds inside whole runs, and joules of layers alone, sum to what the whole takes."""
    whole, layered = meter().whole(whole_work(), top(), wait=False), meter().layers(layered_work(), top())
    assert sum(layer.in_run_s for layer in layered.layers) == pytest.approx(whole.latency_s, rel=0.03)
    energy_j = sum((layer.power_w or 0.0) * layer.in_run_s for layer in layered.layers)
    assert energy_j == pytest.approx(whole.energy_j, rel=0.05)


def test_a_device_that_cannot_tell_single_runs_meters_long_layers_by_windows() -> None:
    """Layers long enough for the meter get the watts they have anyway; the others stay unknown."""
    fine, coarse = meter().layers(layered_work(), top()), meter(coarse=True).layers(layered_work(), top())
    known = [index for index, layer in enumerate(coarse.layers) if layer.power_w is not None]
    assert 0 < len(known) < len(layers())
    for index in known:
        assert coarse.layers[index].power_w == pytest.approx(fine.layers[index].power_w, rel=0.05)
    assert min(fine.layers[index].alone_s for index in known) > 100e-6


def test_without_a_meter_there_are_times_only() -> None:
    """Nothing is made up where nothing is metered; the times are as good as ever."""
    blind, seeing = (
        meter(metered=False).whole(whole_work(), top(), wait=True),
        meter().whole(whole_work(), top(), wait=False),
    )
    assert (blind.power_w, blind.wait_w, blind.energy_j, blind.power_std_w) == (None,) * 4
    assert blind.latency_s == pytest.approx(seeing.latency_s, rel=0.03)
    assert all(layer.power_w is None for layer in meter(metered=False).layers(layered_work(), None).layers)


def test_the_hosts_clock_is_kept() -> None:
    """Eager batches of one wait for the CPU: its clock belongs to the cell."""
    assert meter(host_mhz=2600.0).whole(whole_work(), top(), wait=False).host_mhz == 2600.0


def test_a_clock_that_is_not_there_is_refused() -> None:
    """Rather than measured at another one."""
    with pytest.raises(ClockError, match="not on the clock table"):
        meter().whole(whole_work(), OperatingPoint(core_mhz=1.0), wait=False)
