"""Devices by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError, DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock, SystemClock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.computing import torch_device_for
from joulecut_runtime.devices.opening import device_names, is_real, open_device
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.devices.real import RealKind, find_kind
from tests.fakes.host.kernel import FakeHost
from tests.fakes.host.specs import VIRTUAL
from tests.fakes.jetson import FakeKernel, build
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.fakes.nvml import COMPILER, NO_COMPILER, FakeNvml, loaded
from tests.runtime.devices.test_calibration import FILES


def test_every_shipped_device_opens_and_says_that_it_is_emulated() -> None:
    """The list is what documents and configuration files may name."""
    assert {"emulated:orin-nano-15w", "emulated:orin-nano-7w", "emulated:agx-xavier", "emulated:l4"} <= set(
        device_names()
    )
    for name in device_names():
        info = open_device(name, clock=ManualClock()).info
        assert f"emulated:{info.name}" == name
        assert info.figures is FigureKind.EMULATED


def test_a_file_of_ones_own_opens_by_its_path(tmp_path: Path) -> None:
    """A user's board is a TOML file away."""
    path = tmp_path / "mine.toml"
    path.write_text((FILES / "t4.toml").read_text().replace('name = "t4"', 'name = "mine"'))
    assert open_device(f"emulated:{path}", clock=ManualClock()).info.name == "mine"


@pytest.mark.parametrize("name", ["emulated:orin-nano-15", "orin-nano-15w", "emulated:orin-nano_15w"])
def test_a_misspelt_name_is_answered_with_the_nearest(name: str) -> None:
    """Also where the prefix was forgotten."""
    with pytest.raises(DeviceError, match="did you mean 'emulated:orin-nano-15w'"):
        open_device(name, clock=ManualClock())


def test_a_name_near_to_nothing_is_answered_with_the_list() -> None:
    """Nobody has to look the names up."""
    with pytest.raises(DeviceError, match="expected one of emulated:a100, "):
        open_device("quantum", clock=ManualClock())


def test_a_missing_file_is_named() -> None:
    """The path stands in the message."""
    with pytest.raises(DeviceError, match=r"there is no file .*nowhere\.toml"):
        open_device("emulated:/nowhere.toml", clock=ManualClock())


def test_a_negative_seed_is_refused() -> None:
    """Where it enters, not deep in a generator."""
    with pytest.raises(ConfigError, match="seed: -1"):
        open_device("emulated:l4", clock=ManualClock(), seed=-1)


@pytest.mark.parametrize(
    ("name", "real"),
    [("nvml", True), ("nvml:1", True), ("jetson:/x", True), ("auto", True), ("emulated:t4", False), ("nvm", False)],
)
def test_real_names_are_known_without_opening(name: str, real: bool) -> None:
    """Whoever has to treat emulated time differently asks the name, and wakes no driver."""
    assert is_real(name) is real


@pytest.mark.parametrize(("name", "near"), [("jetsen", "jetson"), ("nvmll", "nvml")])
def test_a_misspelt_real_name_is_answered_with_the_nearest(name: str, near: str) -> None:
    """Real devices stand in the same list."""
    with pytest.raises(DeviceError, match=f"did you mean '{near}'"):
        open_device(name, clock=ManualClock())


@pytest.mark.parametrize("name", ["nvml:", "jetson:", "cpu:"])
def test_a_name_that_ends_at_its_colon_is_refused(name: str) -> None:
    """A variable that was not set must not open another device than was meant."""
    with pytest.raises(DeviceError, match="nothing after the colon"):
        open_device(name, clock=ManualClock())


def test_a_missing_kernel_tree_is_named() -> None:
    """The folder stands in the message."""
    with pytest.raises(DeviceError, match=r"there is no folder /nowhere; expected the root of a kernel tree"):
        open_device("jetson:/nowhere", clock=ManualClock())


def test_the_hosts_cpu_opens_everywhere() -> None:
    """Without cpufreq or RAPL too: one point, perhaps no meter, and seconds that are measured."""
    device = open_device("cpu", clock=SystemClock())
    try:
        assert device.info.backend == "cpu"
        assert device.info.figures is FigureKind.MEASURED
        assert device.clock_table.points
        with device.execution(Workload(blocks=())) as execution:
            pass
        assert execution.elapsed_s >= 0
    finally:
        device.close()


def test_a_jetsons_tree_opens_by_its_root(tmp_path: Path) -> None:
    """Its table is read from the tree, its clocks are set there, and put back when the lease ends."""
    tree = build(tmp_path, ORIN_NANO_36)
    with FakeKernel(tree):
        device = open_device(f"jetson:{tree.root}", clock=SystemClock(), options=DeviceOptions(settle_s=5.0))
        before = (tree.node / "min_freq").read_text().strip()
        try:
            point = device.clock_table.points[-2]
            with device.lease(point) as lease:
                assert lease.achieved().matches(point)
                assert (tree.node / "min_freq").read_text() == f"{point.core_mhz * 1e6:.0f}"
            assert (tree.node / "min_freq").read_text().strip() == before
        finally:
            device.close()


def test_clocks_may_be_left_to_the_governor(tmp_path: Path) -> None:
    """One point, the top, whose lease touches nothing and achieves what the governor runs."""
    tree = build(tmp_path, ORIN_NANO_36)
    with FakeKernel(tree):
        device = open_device(f"jetson:{tree.root}", clock=SystemClock(), options=DeviceOptions(hold_clocks=False))
        try:
            (point,) = device.clock_table.points
            assert point.core_mhz == max(ORIN_NANO_36.core_mhz)
            limits = [(tree.node / name).read_text() for name in ("min_freq", "max_freq")]
            with device.lease(point) as lease:
                assert lease.achieved().core_mhz < point.core_mhz
                assert lease.move(point).core_mhz < point.core_mhz
                assert limits == [(tree.node / name).read_text() for name in ("min_freq", "max_freq")]
        finally:
            device.close()


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
def test_a_gpu_opens_by_index_and_by_uuid(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same GPU under both names; that torch cannot compute on it is said plainly."""
    fake = FakeNvml(tmp_path, ["a100", "l4"])
    with loaded(fake):
        uids = []
        for name in ("nvml:1", f"nvml:{fake.gpus[1].uuid}"):
            device = open_device(name, clock=SystemClock(), options=DeviceOptions(clockd_socket="/nowhere"))
            uids.append(device.info.uid)
            assert torch_device_for(device.info).type == "cpu"
            device.close()
        assert uids == [fake.gpus[1].uuid] * 2
        assert "the GPU's clocks are held but computing happens on the CPU: torch" in caplog.text
        with pytest.raises(DeviceError, match="'7'"):
            open_device("nvml:7", clock=SystemClock())


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
def test_auto_finds_a_jetson_before_a_gpu_before_the_cpu(tmp_path: Path) -> None:
    """NVML answers on newer Jetsons and knows nothing of them."""
    jetson = build(tmp_path / "jetson", ORIN_NANO_36)
    (tmp_path / "server").mkdir()
    with loaded(FakeNvml(tmp_path, ["a100"])):
        assert find_kind(jetson.root) is RealKind.JETSON
        assert find_kind(tmp_path / "server") is RealKind.NVML
    assert find_kind(jetson.root) is RealKind.JETSON


def test_watts_that_somebody_configured_make_a_meter(tmp_path: Path) -> None:
    """A host without one gets an estimated one; the host's watts are not added to a CPU without a meter."""
    host = FakeHost(tmp_path, VIRTUAL, clock=ManualClock())
    device = open_device(f"cpu:{host.root}", clock=ManualClock(), options=DeviceOptions(busy_w=20, wait_w=8))
    assert device.info.figures is FigureKind.ESTIMATED
    assert "configured" in device.info.power_scope
    device.close()
    with pytest.raises(ConfigError, match="host's watts cannot be added"):
        open_device(f"cpu:{host.root}", clock=ManualClock(), options=DeviceOptions(host_w=20))
