"""The Device contract over Jetsons: every board's kernel tree, old kernels and new ones."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Operation
from joulecut_runtime.clockd.kernel_files import DevfreqBoard
from joulecut_runtime.devices.hardware.authority import ClockAuthority
from joulecut_runtime.devices.hardware.device import HardwareDevice
from joulecut_runtime.devices.jetson import JetsonProbe
from tests.contracts.device_suite import DeviceSuite, DeviceUnderTest
from tests.contracts.leasing import authority_over, daemon_over
from tests.fakes.jetson import ALL_BOARDS, FakeKernel, JetsonTree, Regime, build
from tests.fakes.jetson.boards import AGX_ORIN_35, ORIN_NANO_36, ORIN_NX_36, THOR_38, XAVIER_NX_32
from tests.thoroughness import THOROUGH

FLOPS_PER_CYCLE = 1e3
STEP_S = 0.02
WINDOW_PERIODS = 12
THROUGH_CLOCKD = "orin-nano-l4t36 through clockd"
BOARDS = {board.name: (board, Regime.CLAMP) for board in ALL_BOARDS} | {
    XAVIER_NX_32.name: (XAVIER_NX_32, Regime.EINVAL),
    THROUGH_CLOCKD: (ORIN_NANO_36, Regime.CLAMP),
}
_ONE_OF_EACH_KIND = (XAVIER_NX_32.name, AGX_ORIN_35.name, THROUGH_CLOCKD, ORIN_NX_36.name, THOR_38.name)
"""Every way in which rails are read, memory clocks are locked and the kernel refuses."""


class BoardClock:
    """A ManualClock whose board lives with it: the kernel runs once per `STEP_S`."""

    def __init__(self) -> None:
        self.kernel: FakeKernel | None = None
        self._clock = ManualClock(start_s=1000.0)

    def now_s(self) -> float:
        return self._clock.now_s()

    def sleep_until_s(self, deadline_s: float) -> None:
        while self.now_s() < deadline_s:
            self._clock.sleep_until_s(min(deadline_s, self.now_s() + STEP_S))
            if self.kernel is not None:
                self.kernel.step()

    def wall_s(self, duration_s: float) -> float:
        return self._clock.wall_s(duration_s)


class TestJetsonDevice(DeviceSuite):
    @pytest.fixture(params=BOARDS if THOROUGH else _ONE_OF_EACH_KIND)
    def under_test(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeviceUnderTest]:
        spec, regime = BOARDS[request.param]
        clock = BoardClock()
        tree = build(tmp_path / "root", spec)
        kernel = clock.kernel = FakeKernel(tree, regime, clock=clock, settle_s=0.005)
        boards = [DevfreqBoard(tree.node, tree.root, write=kernel.write)]
        probe = JetsonProbe(tree.root, clock=clock, background=False)
        with ExitStack() as daemon:
            folder = tmp_path / "leases"
            authority: ClockAuthority = (
                daemon.enter_context(daemon_over(lambda: boards, folder))
                if request.param == THROUGH_CLOCKD
                else authority_over(lambda: boards, folder, clock.now_s)
            )
            device = HardwareDevice(probe, authority, clock=clock, synchronise=lambda: None)
            yield _under_test(device, clock, tree, kernel, probe)
            device.close()


def _under_test(
    device: HardwareDevice, clock: BoardClock, tree: JetsonTree, kernel: FakeKernel, probe: JetsonProbe
) -> DeviceUnderTest:
    def settings() -> Hashable:
        locks = tree.emc.glob("m*_rate*") if tree.spec.emc_mhz else ()
        return tuple(
            path.read_text().strip() for path in (tree.node / "min_freq", tree.node / "max_freq", *sorted(locks))
        )

    def compute(block: tuple[Operation, ...]) -> None:
        cycles = sum(max(operation.flops, operation.size_bytes) for operation in block) / FLOPS_PER_CYCLE
        kernel.busy = True
        clock.sleep_until_s(clock.now_s() + cycles / (1e6 * probe.read().point.core_mhz))
        probe.read()
        kernel.busy = False

    return DeviceUnderTest(
        device=device,
        clock=clock,
        capabilities=probe.capabilities,
        settings=settings,
        compute=compute,
        window_periods=WINDOW_PERIODS,
    )
