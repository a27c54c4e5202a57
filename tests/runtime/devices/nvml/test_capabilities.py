"""What each generation and each driver lets joulecut do."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_runtime.clockd import nvml_board
from joulecut_runtime.devices.hardware.probe import MeterKind
from tests.fakes.nvml import symbols
from tests.runtime.devices.nvml.probing import machine, probed

FEWEST_SYMBOLS = frozenset(
    {
        *("nvmlInitWithFlags", "nvmlShutdown", "nvmlSystemGetDriverVersion", "nvmlDeviceGetCount_v2"),
        *("nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetName", "nvmlDeviceGetArchitecture", "nvmlDeviceGetClockInfo"),
        *("nvmlDeviceGetSupportedMemoryClocks", "nvmlDeviceGetSupportedGraphicsClocks", "nvmlDeviceGetPowerUsage"),
        *("nvmlDeviceSetGpuLockedClocks", "nvmlDeviceResetGpuLockedClocks", "nvmlDeviceSetMemoryLockedClocks"),
        *("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetFieldValues", "nvmlDeviceGetCurrentClocksEventReasons"),
    }
)
"""What a sparse substitute of the library offers, and every real driver."""


@pytest.mark.parametrize(
    ("generation", "core_settable", "memory_settable", "meter", "points", "top"),
    [
        ("p40", True, False, MeterKind.SAMPLED, 83, OperatingPoint(core_mhz=1528)),
        ("v100", True, False, MeterKind.COUNTER, 167, OperatingPoint(core_mhz=1380)),
        ("t4", True, False, MeterKind.COUNTER, 87, OperatingPoint(core_mhz=1590)),
        ("a100", True, False, MeterKind.COUNTER, 81, OperatingPoint(core_mhz=1410)),
        ("h100", True, True, MeterKind.COUNTER, 2 * 97, OperatingPoint(core_mhz=1785, memory_mhz=2619)),
        ("h200", True, False, MeterKind.COUNTER, 110, OperatingPoint(core_mhz=1980)),
        ("l4", True, True, MeterKind.COUNTER, 123 + 30, OperatingPoint(core_mhz=2040, memory_mhz=6251)),
        ("gh200", True, False, MeterKind.COUNTER, 110, OperatingPoint(core_mhz=1980)),
    ],
)
def test_each_generation_has_its_table_and_capabilities(
    generation: str,
    core_settable: bool,
    memory_settable: bool,
    meter: MeterKind,
    points: int,
    top: OperatingPoint,
    tmp_path: Path,
) -> None:
    """Points carry a memory clock where there is one to choose and a lock for it, and core clocks legal with it."""
    with probed(machine(tmp_path, generation)) as probe:
        capabilities = probe.capabilities
        assert (capabilities.core_settable, capabilities.memory_settable) == (core_settable, memory_settable)
        assert capabilities.meter is meter
        assert len(probe.clock_table.points) == points
        assert probe.clock_table.top == top
        assert probe.info.backend == "nvml"
        assert probe.info.figures is FigureKind.MEASURED


def test_the_sparsest_library_is_enough(tmp_path: Path) -> None:
    """Seventeen symbols give clocks, joules and core locks; what is missing is a capability less, and is said."""
    fake = machine(tmp_path, leave_out=symbols() - FEWEST_SYMBOLS)
    fake.gpu.use(1.0)
    with probed(fake) as probe:
        assert probe.capabilities.core_settable
        assert not probe.capabilities.memory_settable
        assert probe.capabilities.meter is MeterKind.COUNTER
        assert probe.board == "nvml:0"
        (board,) = nvml_board.find()
        assert board.key == probe.board
        before = board.snapshot()
        board.apply(990, None)
        state = probe.read()
        assert state.point == OperatingPoint(core_mhz=990)
        assert state.temperature_c is None
        assert fake.gpu.lock == (990, 990)
        board.restore(before)
        assert fake.gpu.is_untouched


@pytest.mark.parametrize("symbol", sorted(symbols() - FEWEST_SYMBOLS))
def test_any_further_symbol_may_be_missing(symbol: str, tmp_path: Path) -> None:
    """Drivers lose calls (application clocks with CUDA 14) and gain them: none beyond the seventeen is needed."""
    fake = machine(tmp_path, "v100", leave_out=frozenset({symbol}))
    with probed(fake) as probe:
        assert probe.capabilities.core_settable
        assert probe.read().energy_j is not None


def test_clocks_nobody_can_set_are_one_point(tmp_path: Path) -> None:
    """A driver without locks and without application clocks still gives a device to measure, at its top clock."""
    gone = frozenset({"nvmlDeviceSetGpuLockedClocks", "nvmlDeviceSetApplicationsClocks"})
    with probed(machine(tmp_path, leave_out=gone)) as probe:
        assert not probe.capabilities.core_settable
        assert not probe.capabilities.memory_settable
        assert probe.clock_table.points == (OperatingPoint(core_mhz=1785),)
        assert any("none can be set" in remark for remark in probe.capabilities.remarks)


@pytest.mark.parametrize(
    ("trouble", "remark"), [("persistence", "persistence mode is off"), ("mig", "MIG is on"), ("mps", "multi-process")]
)
def test_limits_are_said_plainly(trouble: str, remark: str, tmp_path: Path) -> None:
    """What falsifies joules or forgets locks is a remark, and only where it is so."""
    fake = machine(tmp_path)
    with probed(fake) as probe:
        assert probe.capabilities.remarks == ()
    fake.gpu.set_persistence(on=trouble != "persistence")
    fake.gpu.set_mig(on=trouble == "mig")
    fake.gpu.set_mps(2 if trouble == "mps" else 0)
    with probed(fake) as probe:
        (said,) = probe.capabilities.remarks
        assert remark in said
