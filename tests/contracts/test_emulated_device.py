"""The Device contract over every shipped device file."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.hardware.probe import Capabilities, MeterKind
from joulecut_runtime.devices.opening import device_names, open_device
from tests.contracts.device_suite import DeviceSuite, DeviceUnderTest
from tests.thoroughness import ends_and_middle


class TestEmulatedDevice(DeviceSuite):
    @pytest.fixture(params=ends_and_middle(device_names()))
    def under_test(self, request: pytest.FixtureRequest) -> DeviceUnderTest:
        clock = ManualClock(start_s=1000.0)
        device = open_device(request.param, clock=clock, seed=7)

        def rested() -> Hashable:
            """The clocks after a rest: those of the governor, where no lease holds others."""
            clock.advance_s(10.0)
            return device.state().point

        return DeviceUnderTest(
            device=device,
            clock=clock,
            capabilities=Capabilities(
                core_settable=True,
                memory_settable=len(device.clock_table.memory_clocks_mhz) > 1,
                meter=MeterKind.COUNTER,
            ),
            settings=rested,
        )
