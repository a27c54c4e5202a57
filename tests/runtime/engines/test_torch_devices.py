"""Which of torch's devices a GPU is: by identity, whatever the order and whichever are hidden."""

from __future__ import annotations

import pytest
import torch

from joulecut_runtime.engines import synchroniser, torch_device_of
from joulecut_runtime.engines.torch_devices import CudaGpu, matching

UUIDS = ("6f3c6a1e-92c0-4c7e-9d5f-0a1b2c3d4e5f", "0b5d8e77-1111-4222-8333-444455556666")


def test_by_uuid_not_by_index() -> None:
    """CUDA counts the fastest GPU first, NVML by the bus: the clock set must be that of the GPU that computes."""
    gpus = [CudaGpu(index=index, uuid=uuid, pci_bus_id=None) for index, uuid in enumerate(reversed(UUIDS))]
    assert matching(f"GPU-{UUIDS[0]}", None, gpus) == torch.device("cuda", 1)
    assert matching(f"GPU-{UUIDS[1].upper()}", None, gpus) == torch.device("cuda", 0)


def test_hidden_gpus_are_none() -> None:
    """With CUDA_VISIBLE_DEVICES on another GPU, no device is given rather than the wrong one."""
    gpus = [CudaGpu(index=0, uuid=UUIDS[1], pci_bus_id="0:65:00")]
    assert matching(f"GPU-{UUIDS[0]}", "00000000:65:00.0", gpus) is None


@pytest.mark.parametrize("told", ["00000000:65:00.0", "0000:65:00.0"])
def test_by_bus_address_where_uuids_are_not_told(told: str) -> None:
    """An older torch knows the bus address only, which NVML writes with a longer domain."""
    gpus = [CudaGpu(index=index, uuid=None, pci_bus_id=bus) for index, bus in enumerate(("0:17:00", "0:65:00"))]
    assert matching(f"GPU-{UUIDS[0]}", told, gpus) == torch.device("cuda", 1)
    assert matching(f"GPU-{UUIDS[0]}", None, gpus) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_cuda_there_is_none() -> None:
    """A GPU that torch cannot compute on is told apart from one that it can; nothing fails."""
    assert torch_device_of(f"GPU-{UUIDS[0]}", pci_bus_id="00000000:65:00.0") is None


def test_the_host_has_nothing_to_wait_for() -> None:
    """The same call serves a device that computes on the CPU."""
    synchroniser(torch.device("cpu"))()
