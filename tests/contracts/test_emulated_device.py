"""The Device contract over every shipped device file."""

from __future__ import annotations

import pytest

from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import device_names, open_device
from tests.contracts.device_suite import DeviceSuite, DeviceUnderTest


class TestEmulatedDevice(DeviceSuite):
    @pytest.fixture(params=device_names())
    def under_test(self, request: pytest.FixtureRequest) -> DeviceUnderTest:
        clock = ManualClock(start_s=1000.0)
        return DeviceUnderTest(device=open_device(request.param, clock=clock, seed=7), clock=clock)
