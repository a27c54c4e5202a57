"""Which of torch's devices a GPU is, and how to wait for it. By identity, never by index.

NVML counts all GPUs in the order of the bus; CUDA counts those that CUDA_VISIBLE_DEVICES leaves, by default
the fastest first. Equal indices can be different GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaGpu:
    """A GPU as CUDA sees it: index, UUID without prefix, and bus address where this torch tells them."""

    index: int
    uuid: str | None
    pci_bus_id: str | None


def torch_device_of(gpu_uuid: str, *, pci_bus_id: str | None = None) -> torch.device | None:
    """The CUDA device of the GPU that NVML knows under this UUID; None where torch cannot compute on it.

    `pci_bus_id` ("00000000:65:00.0") decides where this torch does not tell UUIDs.
    """
    if not torch.cuda.is_available():
        return None
    return matching(gpu_uuid, pci_bus_id, map(_gpu, range(torch.cuda.device_count())))


def matching(gpu_uuid: str, pci_bus_id: str | None, gpus: Iterable[CudaGpu]) -> torch.device | None:
    """The device among `gpus` that has this UUID, or this bus address where its UUID is not known."""
    wanted = _bare_uuid(gpu_uuid)
    for gpu in gpus:
        by_bus = gpu.uuid is None and pci_bus_id is not None and gpu.pci_bus_id == _bare_bus_id(pci_bus_id)
        if by_bus or (gpu.uuid is not None and _bare_uuid(gpu.uuid) == wanted):
            return torch.device("cuda", gpu.index)
    return None


def synchroniser(torch_device: torch.device) -> Callable[[], None]:
    """A function that waits until everything asked of this device, on any stream, is done."""
    if torch_device.type != "cuda":
        return _nothing_pending
    return lambda: torch.cuda.synchronize(torch_device)


def _nothing_pending() -> None:
    pass


def _gpu(index: int) -> CudaGpu:
    properties = torch.cuda.get_device_properties(index)
    uuid: object = getattr(properties, "uuid", None)
    bus: object = getattr(properties, "pci_bus_id", None)
    slot: object = getattr(properties, "pci_device_id", None)
    domain: object = getattr(properties, "pci_domain_id", 0)
    known = isinstance(bus, int) and isinstance(slot, int) and isinstance(domain, int)
    return CudaGpu(
        index=index,
        uuid=None if uuid is None else str(uuid),
        pci_bus_id=f"{domain:x}:{bus:02x}:{slot:02x}" if known else None,
    )


def _bare_uuid(uuid: str) -> str:
    return uuid.lower().removeprefix("gpu-")


def _bare_bus_id(pci_bus_id: str) -> str:
    """From "00000000:65:00.0" to "0:65:00": without leading zeros of the domain and without the function."""
    domain, bus, slot = pci_bus_id.lower().partition(".")[0].split(":")
    return f"{int(domain, 16):x}:{bus}:{slot}"
