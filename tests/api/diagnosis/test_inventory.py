"""What is said about the devices that a machine has."""

from __future__ import annotations

from pathlib import Path

from joulecut.devices.inventory import Inventory, sighting
from joulecut.diagnosis.finding import Status
from joulecut.diagnosis.inventory import examine_inventory
from joulecut_core.errors import DeviceError
from joulecut_runtime.devices.hardware.patience import BlockedError

CPU = sighting("cpu")
NO_DRIVER = DeviceError("NVML: opening the driver's library failed; install the NVIDIA driver")


def gpu_on_bus(root: Path, *, vendor: str = "0x10de", kind: str = "0x030200") -> Path:
    """A root whose PCI bus has one device."""
    folder = root / "sys/bus/pci/devices/0000:01:00.0"
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "class").write_text(f"{kind}\n")
    return root


def test_a_gpu_without_a_driver_is_a_problem(tmp_path: Path) -> None:
    """The board is there and nobody can ask it anything: the backend's advice is the remedy."""
    inventory = Inventory(sightings=(CPU,), failures={"nvml": NO_DRIVER})
    _, gpu = examine_inventory(inventory, gpu_on_bus(tmp_path))
    assert gpu.status is Status.PROBLEM
    assert gpu.remedy == "install the NVIDIA driver"


def test_no_gpu_is_no_problem(tmp_path: Path) -> None:
    """Neither an empty bus nor a card of another maker, nor an NVIDIA sound device, asks for a driver."""
    inventory = Inventory(sightings=(CPU,), failures={"nvml": NO_DRIVER})
    for number, device in enumerate(({"vendor": "0x8086"}, {"kind": "0x040300"})):
        _, gpu = examine_inventory(inventory, gpu_on_bus(tmp_path / str(number), **device))
        assert gpu.status is Status.NOTE
        assert gpu.facts["gpus_on_bus"] == 0


def test_devices_are_listed(tmp_path: Path) -> None:
    """Under the names that the rest of the report uses."""
    (finding,) = examine_inventory(Inventory(sightings=(sighting("nvml:GPU-1"), CPU), gpus=1), tmp_path)
    assert finding.facts["devices"] == ["nvml:GPU-1", "cpu"]


def test_a_kernel_file_that_blocks_is_a_problem(tmp_path: Path) -> None:
    """Whether this is a Jetson could not be told: that is no missing GPU, and the remedy is another one."""
    inventory = Inventory(sightings=(CPU,), failures={"jetson": BlockedError("reading the device tree has blocked")})
    _, blocked = examine_inventory(inventory, tmp_path)
    assert (blocked.name, blocked.status) == ("jetson", Status.PROBLEM)
    assert "device tree" in blocked.what
    assert "restart" in str(blocked.remedy)
