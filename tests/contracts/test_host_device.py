"""The Device contract over the host's CPU: every kernel tree, clocks set by this process and by the clock daemon."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Operation
from joulecut_runtime.clockd.kernel_files import CpufreqBoard
from joulecut_runtime.devices.hardware.authority import ClockAuthority
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.host import HostProbe
from tests.contracts.device_suite import DeviceSuite, DeviceUnderTest
from tests.contracts.leasing import authority_over, daemon_over
from tests.fakes.host.kernel import FakeHost, Regime
from tests.fakes.host.specs import ALL_SPECS, BIG_LITTLE
from tests.thoroughness import THOROUGH

CYCLES_PER_FLOP = 0.05
WINDOW_PERIODS = 12
THROUGH_CLOCKD = "big.LITTLE through clockd"
HOSTS = {name: (spec, Regime.CLAMP) for name, spec in ALL_SPECS.items()} | {
    "acpi-cpufreq, old kernel": (ALL_SPECS["acpi-cpufreq"], Regime.EINVAL),
    THROUGH_CLOCKD: (BIG_LITTLE, Regime.CLAMP),
}
_ONE_OF_EACH_KIND = [name for name in HOSTS if name not in ("acpi-cpufreq", "big-little")]
"""These two are there under an old kernel, and through clockd."""


class TestHostDevice(DeviceSuite):
    @pytest.fixture(params=HOSTS if THOROUGH else _ONE_OF_EACH_KIND)
    def under_test(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeviceUnderTest]:
        clock = ManualClock(start_s=1000.0)
        spec, regime = HOSTS[request.param]
        host = FakeHost(tmp_path / "root", spec, clock=clock, regime=regime)

        def write(path: Path, text: str) -> None:
            """As root, whoever reads."""
            path.write_text(text, encoding="ascii")
            host.sync()

        boards = [CpufreqBoard(host.policies, write=host.write if host.spec.is_root else write)]
        probe = HostProbe(host.root, clock=clock, read=host.read)

        def settings() -> Hashable:
            return tuple(host.limits_khz(policy.name) for policy in host.policies)

        def compute(block: tuple[Operation, ...]) -> None:
            flops = sum(max(operation.flops, operation.size_bytes) for operation in block)
            host.work(giga_cycles=CYCLES_PER_FLOP * flops / 1e9)

        with ExitStack() as daemon:
            folder = tmp_path / "leases"
            authority: ClockAuthority = (
                daemon.enter_context(daemon_over(lambda: boards, folder))
                if request.param == THROUGH_CLOCKD
                else authority_over(lambda: boards, folder, clock.now_s)
            )
            device = HardwareDevice(probe, authority, clock=clock, synchronise=lambda: None)
            yield DeviceUnderTest(
                device=device,
                clock=clock,
                capabilities=probe.capabilities,
                settings=settings,
                compute=compute,
                window_periods=WINDOW_PERIODS,
            )
            device.close()
