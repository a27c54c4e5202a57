"""Which GPUs there are, and how a name picks one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.errors import DeviceError
from joulecut_runtime.devices.hardware.probe import MeterKind
from joulecut_runtime.devices.nvml import gpu_places, list_gpus
from joulecut_runtime.devices.nvml.inventory import find_gpu, opened_library
from tests.fakes.nvml import GENERATIONS, FakeNvml, loaded


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeNvml]:
    """A host with three GPUs."""
    fake = FakeNvml(tmp_path, ["h100", "p40", "h100"])
    with loaded(fake):
        yield fake


def found(selector: str) -> tuple[str, int]:
    """UUID and index of what a selector picks."""
    with opened_library() as library:
        gpu, index = find_gpu(selector, library)
        return gpu.uuid, index


def test_records_tell_what_a_person_wants_to_know(fake: FakeNvml) -> None:
    """Identity, driver, switches and capabilities of each GPU, without privilege and without setting anything."""
    fake.gpus[2].set_mig(on=True)
    hopper, pascal, divided = list_gpus()
    assert (hopper.index, hopper.uuid, hopper.architecture) == (0, fake.gpu.uuid, "Hopper")
    assert (hopper.driver, hopper.pci_bus_id) == ("580.95.05", fake.gpu.bus_id)
    assert (hopper.mig, hopper.persistence, hopper.power_limit_w) == (False, True, 400.0)
    assert (hopper.capabilities.core_settable, hopper.capabilities.memory_settable) == (True, True)
    assert (pascal.architecture, pascal.mig, pascal.capabilities.meter) == ("Pascal", None, MeterKind.SAMPLED)
    assert divided.mig
    assert any("whole GPU" in remark for remark in divided.capabilities.remarks)
    assert fake.journal == ()
    assert fake.clients == 0


def test_a_name_is_an_index_a_uuid_its_beginning_or_a_bus_id(fake: FakeNvml) -> None:
    """Nothing is the first GPU; NVML's index need not be CUDA's, hence the other names."""
    last = fake.gpus[2]
    assert found("") == (fake.gpu.uuid, 0)
    assert found("2") == found(last.uuid) == found(last.uuid[:16]) == found(last.bus_id) == (last.uuid, 2)


@pytest.mark.parametrize("selector", ["3", "-1", "GPU-deadbeef", "GPU-", "first"])
def test_an_unknown_name_lists_what_is_there(fake: FakeNvml, selector: str) -> None:
    """The error has each GPU's index, name and UUID."""
    with pytest.raises(DeviceError, match=rf"{selector!r}; expected one of 0 \(NVIDIA H100 NVL, {fake.gpu.uuid}\), 1 "):
        found(selector)


def test_a_mig_instance_is_refused(fake: FakeNvml) -> None:
    """It has no clocks, watts or joules of its own, and the error says so."""
    with pytest.raises(DeviceError, match=rf"whole GPUs only.*{fake.gpu.uuid}"):
        found("MIG-5f0c")


def test_a_lost_gpu_hides_no_other(fake: FakeNvml) -> None:
    """The others keep their indices."""
    fake.gpu.lose()
    assert [record.index for record in list_gpus()] == [1, 2]
    assert found("") == (fake.gpus[1].uuid, 1)


def test_a_lost_gpu_is_told(fake: FakeNvml) -> None:
    """It is among the places by its index, and whoever opens it learns what to do instead of which others there are."""
    fake.gpu.lose()
    assert gpu_places() == (fake.gpus[1].uuid, fake.gpus[2].uuid, "0")
    with pytest.raises(DeviceError, match=r"GPU 0: .*fallen off the bus \(NVML 15\); .*--gpu-reset"):
        found("0")


def test_no_gpu_that_answers_is_an_error(tmp_path: Path) -> None:
    """A driver whose GPUs are all gone, or kept from a container, is told apart from one that is missing."""
    fake = FakeNvml(tmp_path)
    fake.gpu.lose()
    with loaded(fake), pytest.raises(DeviceError, match=r"knows 1 GPUs and none answers"):
        list_gpus()


def test_a_jetson_is_never_opened_through_nvml(fake: FakeNvml, tmp_path: Path) -> None:
    """NVML opens on a Jetson and knows nothing: the kernel's release file decides before it is asked."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "nv_tegra_release").write_text("# R36 (release), REVISION: 4.0\n", encoding="utf-8")
    with pytest.raises(DeviceError, match="open it as `jetson`"):
        list_gpus(tmp_path)
    assert fake.calls == 0


def test_a_jetson_in_a_container_is_known_by_its_gpu(tmp_path: Path) -> None:
    """Where the host's files are hidden, the name of its GPU still tells."""
    fake = FakeNvml(tmp_path, [replace(GENERATIONS["l4"], name="Orin (nvgpu)")])
    with loaded(fake), pytest.raises(DeviceError, match="open `jetson`"):
        list_gpus()
