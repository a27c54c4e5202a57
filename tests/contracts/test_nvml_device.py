"""The Device contract over NVIDIA GPUs of every generation: unmodified nvidia-ml-py on a library made for tests."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from joulecut_core.workloads import Operation
from joulecut_runtime.clockd.nvml_board import find
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.hardware.settling import SettlePlan
from joulecut_runtime.devices.nvml import NvmlProbe
from tests.contracts.device_suite import DeviceSuite, DeviceUnderTest
from tests.contracts.leasing import authority_over
from tests.fakes.nvml import COMPILER, GENERATIONS, NO_COMPILER, FakeNvml, loaded
from tests.thoroughness import THOROUGH

FLOPS_PER_CYCLE = 1e3
_ONE_OF_EACH_KIND = ("p40", "v100", "a100", "h200", "gh200")
"""The others can what one of these can."""


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
class TestNvmlDevice(DeviceSuite):
    @pytest.fixture(params=GENERATIONS if THOROUGH else _ONE_OF_EACH_KIND)
    def under_test(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeviceUnderTest]:
        fake = FakeNvml(tmp_path, [request.param], moves_by_hand=True, settle_s=0.01)
        clock = fake.clock
        with loaded(fake):

            @contextmanager
            def under_load() -> Iterator[None]:
                fake.gpu.use(1.0)
                yield
                fake.gpu.use(0.0)

            probe = NvmlProbe(clock=clock, root=tmp_path)
            device = HardwareDevice(
                probe,
                authority_over(find, tmp_path / "leases", clock.now_s),
                clock=clock,
                synchronise=lambda: None,
                settling=SettlePlan(under_load=under_load),
            )

            def settings() -> Hashable:
                return (fake.gpu.lock, fake.gpu.memory_lock, fake.gpu.application_clocks)

            def compute(block: tuple[Operation, ...]) -> None:
                cycles = sum(max(operation.flops, operation.size_bytes) for operation in block) / FLOPS_PER_CYCLE
                with under_load():
                    clock.advance_s(cycles / (1e6 * probe.read().point.core_mhz))
                    probe.read()

            yield DeviceUnderTest(
                device=device,
                clock=clock,
                capabilities=probe.capabilities,
                settings=settings,
                compute=compute,
                under_load=under_load,
            )
            device.close()
