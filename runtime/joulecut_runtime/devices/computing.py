"""Where a network computes that runs on a device: torch's name of it, and how to wait for it.

A GPU's clocks can be held on a machine whose torch cannot use that GPU. Then work runs on the CPU beside it, and
whoever opens the device is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joulecut_core.devices import DeviceInfo
from joulecut_core.timing import SystemClock

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)

NVML_BACKEND = "nvml"
JETSON_BACKEND = "jetson"
PCI_BUS_NOTE = "pci_bus_id"
"""The note of a GPU's DeviceInfo that holds its address on the bus."""
_LOAD_SIZE = 1024
_LOAD_S = 0.005
"""A reading of NVML takes about a millisecond; at its highest clock the GPU is several times faster than when timed."""
_TRIAL = 4
_MOST_PRODUCTS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """How work gets done: `synchronise` returns once the device is done, in `under_load` it is kept busy."""

    synchronise: Callable[[], None]
    under_load: Callable[[], AbstractContextManager[object]]


def torch_device_for(info: DeviceInfo) -> torch.device:
    """The torch device that computes on this device: a GPU by its UUID, a Jetson's one GPU, else the CPU."""
    import torch  # noqa: PLC0415 - devices are listed where there is no torch

    from joulecut_runtime.engines.torch_devices import torch_device_of  # noqa: PLC0415

    found: torch.device | None = None
    if info.backend == NVML_BACKEND:
        found = torch_device_of(info.uid, pci_bus_id=info.notes.get(PCI_BUS_NOTE))
    elif info.backend == JETSON_BACKEND and torch.cuda.is_available():
        found = torch.device("cuda", 0)
    return found or torch.device("cpu")


def computing_on(info: DeviceInfo) -> Computing:
    """How torch computes on this device. A GPU that torch cannot compute on is logged as a warning."""
    idle = Computing(synchronise=_nothing, under_load=nullcontext)
    try:
        import torch  # noqa: PLC0415

        from joulecut_runtime.engines.torch_devices import synchroniser  # noqa: PLC0415
    except ImportError:
        return idle
    where = torch_device_for(info)
    if where.type != "cuda":
        if info.backend in (NVML_BACKEND, JETSON_BACKEND):
            _LOG.warning(
                "%s: the GPU's clocks are held but computing happens on the CPU: torch %s has no CUDA for it",
                info.name,
                torch.__version__,
            )
        return idle
    return Computing(synchronise=synchroniser(where), under_load=_Load(where).running)


class _Load:
    """Matrix products queued on a GPU, as many as last some milliseconds."""

    def __init__(self, where: torch.device) -> None:
        import torch  # noqa: PLC0415

        self._torch = torch
        self._where = where
        self._matrix = torch.ones((_LOAD_SIZE, _LOAD_SIZE), device=where)
        self._launch(1)
        torch.cuda.synchronize(where)
        clock = SystemClock()
        start_s = clock.now_s()
        self._launch(_TRIAL)
        torch.cuda.synchronize(where)
        each_s = (clock.now_s() - start_s) / _TRIAL
        self._products = max(1, min(_MOST_PRODUCTS, round(_LOAD_S / max(each_s, 1e-6))))

    @contextmanager
    def running(self) -> Iterator[None]:
        """A context with the GPU at work; leaving waits until it has finished."""
        self._launch(self._products)
        try:
            yield
        finally:
            self._torch.cuda.synchronize(self._where)

    def _launch(self, products: int) -> None:
        for _ in range(products):
            self._torch.mm(self._matrix, self._matrix)


def _nothing() -> None:
    pass
