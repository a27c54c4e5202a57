"""The machine's GPUs as NVML knows them, and how a name picks one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.errors import DeviceError
from joulecut_runtime.clockd.nvml_board import gpus
from joulecut_runtime.devices.hardware.patience import OPENING_S, patiently
from joulecut_runtime.devices.hardware.probe import Capabilities
from joulecut_runtime.devices.jetson.identity import is_tegra
from joulecut_runtime.devices.nvml.architectures import architecture_name
from joulecut_runtime.devices.nvml.capabilities import find_capabilities
from joulecut_runtime.devices.nvml.errors import Reaction, device_error, meaning_of
from joulecut_runtime.devices.nvml.gpu import Gpu
from joulecut_runtime.devices.nvml.library import Library, RefusalError

_TEGRA_DRIVER = "nvgpu"
"""What the name of a Jetson's GPU contains where its NVML opens at all: power, energy and clocks are refused there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRecord:
    """One GPU. None where its driver does not tell; `index` is NVML's, which need not be CUDA's."""

    index: int
    uuid: str
    name: str
    architecture: str
    driver: str
    pci_bus_id: str | None
    mig: bool | None
    persistence: bool | None
    power_limit_w: float | None
    capabilities: Capabilities


def list_gpus(root: Path = Path("/")) -> tuple[GpuRecord, ...]:
    """The GPUs that answer, by index. Needs no privilege.

    Raises DeviceError where there is no driver or it hangs, and on a Jetson, whose GPU is opened as `jetson`.
    """

    def look() -> tuple[GpuRecord, ...]:
        with opened_library(root) as library:
            return tuple(record_of(gpu, index=index, library=library) for index, gpu in _gpus(library))

    return patiently("the driver's list of GPUs", look, OPENING_S)


def gpu_places(root: Path = Path("/")) -> tuple[str, ...]:
    """What each GPU is called: its UUID, and its index where it is lost, which whoever opens it is told.

    Raises as `list_gpus`.
    """

    def look() -> tuple[str, ...]:
        with opened_library(root) as library:
            return (*(gpu.uuid for _, gpu in _gpus(library)), *map(str, _lost(library)))

    return patiently("the driver's list of GPUs", look, OPENING_S)


def find_gpu(selector: str, library: Library) -> tuple[Gpu, int]:
    """The GPU that `selector` names, and its index: an index, a UUID or its beginning, a PCI bus id; "" is the first.

    Raises DeviceError where there is none, with those that are there.
    """
    listed = dict(_gpus(library))
    if selector.upper().startswith("MIG-"):
        raise DeviceError(
            f"{selector} is a MIG instance: clocks, power and energy exist for whole GPUs only; "
            f"expected one of {_known(listed)}"
        )
    for index, gpu in listed.items():
        if selector in {"", str(index), gpu.uuid} or selector == gpu.pci_bus_id():
            return gpu, index
    begun = [(gpu, index) for index, gpu in listed.items() if len(selector) >= 8 and gpu.uuid.startswith(selector)]
    if len(begun) == 1:
        return begun[0]
    if selector in (lost := {str(index): error for index, error in _lost(library).items()}):
        raise lost[selector]
    raise DeviceError(f"no single GPU is called {selector!r}; expected one of {_known(listed)}")


def record_of(gpu: Gpu, *, index: int, library: Library) -> GpuRecord:
    """What NVML tells of one GPU; raises DeviceError where it has vanished."""
    return GpuRecord(
        index=index,
        uuid=gpu.uuid,
        name=gpu.name,
        architecture=architecture_name(gpu.architecture()),
        driver=driver_version(library),
        pci_bus_id=gpu.pci_bus_id(),
        mig=gpu.is_divided(),
        persistence=gpu.is_persistent(),
        power_limit_w=gpu.power_limit_w(),
        capabilities=find_capabilities(gpu),
    )


def driver_version(library: Library) -> str:
    """The driver's version."""
    try:
        return str(library.ask("nvmlSystemGetDriverVersion"))
    except RefusalError:
        return "unknown"


@contextmanager
def opened_library(root: Path = Path("/")) -> Iterator[Library]:
    """NVML, for as long as the context lasts. Raises DeviceError where there is no driver, and on a Jetson."""
    refuse_tegra(root)
    library = Library()
    try:
        yield library
    finally:
        library.close()


def refuse_tegra(root: Path) -> None:
    """Raise DeviceError on a Jetson: NVML opens on some of them, finds one GPU, and knows nothing about it."""
    if is_tegra(root):
        raise DeviceError("this machine is a Jetson, whose NVML tells neither clocks nor power; open it as `jetson`")


def _gpus(library: Library) -> Iterator[tuple[int, Gpu]]:
    count = _count(library)
    answering = list(gpus())
    if not answering:
        raise DeviceError(
            f"NVML knows {count} GPUs and none answers; reset them (nvidia-smi --gpu-reset) or give the container some"
        )
    for position, (uuid, handle) in enumerate(answering):
        try:
            name = str(library.ask("nvmlDeviceGetName", handle))
        except RefusalError:
            name = "NVIDIA GPU"
        if _TEGRA_DRIVER in name:
            raise DeviceError(f"{name} is a Jetson's GPU, of which NVML tells neither clocks nor power; open `jetson`")
        gpu = Gpu(library, uuid=uuid, name=name)
        index = gpu.optional("nvmlDeviceGetIndex")
        yield (position if index is None else int(index)), gpu


def _lost(library: Library) -> dict[int, DeviceError]:
    """The GPUs that NVML counts and that do not answer, by index; not those that are kept from this user."""
    lost = {}
    for index in range(_count(library)):
        try:
            library.ask("nvmlDeviceGetName", library.ask("nvmlDeviceGetHandleByIndex", index))
        except RefusalError as error:
            if meaning_of(error.code).reaction is Reaction.REOPEN:
                lost[index] = device_error(error.code, who=f"GPU {index}", doing="looking for it")
    return lost


def _count(library: Library) -> int:
    try:
        return int(library.ask("nvmlDeviceGetCount"))
    except RefusalError as error:
        raise device_error(error.code, who="NVML", doing="counting GPUs") from error


def _known(listed: dict[int, Gpu]) -> str:
    return ", ".join(f"{index} ({gpu.name}, {gpu.uuid})" for index, gpu in listed.items())
