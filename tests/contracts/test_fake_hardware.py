"""The Device contract over the parts that all real devices share, on hardware in memory of every capability."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Operation
from tests.contracts.device_suite import DeviceSuite, DeviceUnderTest
from tests.fakes.hardware import FakeHardware, FakeProbe, ladder, opened

CLOCKS = {
    "core and memory": (ladder(), True),
    "core beside a fixed memory": (ladder((2000.0,)), True),
    "core without a memory clock": (ladder((None,)), True),
    "nothing": (ladder((None,)), False),
}


class TestFakeHardware(DeviceSuite):
    @pytest.fixture(params=[0.02, None], ids=["metered", "unmetered"])
    def period_s(self, request: pytest.FixtureRequest) -> float | None:
        return request.param  # type: ignore[no-any-return]

    @pytest.fixture(params=CLOCKS)
    def under_test(self, request: pytest.FixtureRequest, period_s: float | None) -> Iterator[DeviceUnderTest]:
        table, settable = CLOCKS[request.param]
        if not settable:
            table = type(table)(points=table.points[:1])
        hardware = FakeHardware(clock=ManualClock(start_s=1000.0), table=table, settable=settable, period_s=period_s)
        device = opened(hardware)

        def compute(block: tuple[Operation, ...]) -> None:
            for operation in block:
                hardware.compute(max(operation.flops, operation.size_bytes))

        yield DeviceUnderTest(
            device=device,
            clock=hardware.clock,
            capabilities=FakeProbe(hardware).capabilities,
            settings=lambda: hardware.held,
            compute=compute,
        )
        device.close()
