"""Clocks of NVIDIA GPUs: locked from Volta on, application clocks before. NVML tells nobody which lock is in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pynvml

from joulecut_core.errors import ClockError, DeviceError

_ABSENT = pynvml.nvmlExceptionClass(3), pynvml.nvmlExceptionClass(13)  # NotSupported, FunctionNotFound
_RIGHTS = "; to set clocks be root (in a container: with CAP_SYS_ADMIN) or ask joulecut-clockd"


def gpus() -> Iterator[tuple[str, Any]]:
    """UUID (index where the library tells none) and handle of each GPU that answers, in NVML's order."""
    with suppress(pynvml.NVMLError):
        for index in range(pynvml.nvmlDeviceGetCount()):
            with suppress(pynvml.NVMLError):
                gpu, has_uuid = pynvml.nvmlDeviceGetHandleByIndex(index), hasattr(pynvml.nvmlLib, "nvmlDeviceGetUUID")
                yield pynvml.nvmlDeviceGetUUID(gpu) if has_uuid else str(index), gpu


def find() -> list[NvmlBoard]:
    """This machine's GPUs, if any. NVML stays open: without persistence mode a lock ends with its last user."""
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
    return [NvmlBoard(uuid) for uuid, _ in gpus()]


class NvmlBoard:
    """The Board of one GPU."""

    def __init__(self, uuid: str) -> None:
        self.key, self._uuid = f"nvml:{uuid}", uuid

    def snapshot(self) -> Mapping[str, str]:
        """The application clocks of memory and core: all that can be read. Another tool's lock is lost."""
        with self._gpu() as gpu, suppress(*_ABSENT):
            memory, core = (pynvml.nvmlDeviceGetApplicationsClock(gpu, kind) for kind in (2, 0))
            return {"application_clocks_mhz": f"{memory} {core}"}
        return {}

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """Memory first: legal core clocks depend on it. Where it has no lock, its top clock needs none."""
        with self._gpu() as gpu:
            memories = pynvml.nvmlDeviceGetSupportedMemoryClocks(gpu)
            core, memory = round(core_mhz), max(memories) if memory_mhz is None else round(memory_mhz)
            cores = pynvml.nvmlDeviceGetSupportedGraphicsClocks(gpu, memory) if memory in memories else []
            if core not in cores:
                raise ClockError(f"{self.key} lists no {core}/{memory} MHz; expected memory {memories}, core {cores}")
            if memory_mhz is not None:
                with suppress(*(_ABSENT if memory == max(memories) else ())):
                    pynvml.nvmlDeviceSetMemoryLockedClocks(gpu, memory, memory)
            try:
                pynvml.nvmlDeviceSetGpuLockedClocks(gpu, core, core)
            except _ABSENT:
                pynvml.nvmlDeviceSetApplicationsClocks(gpu, memory, core)

    def restore(self, snapshot: Mapping[str, str]) -> None:
        """No locks and, where the GPU has none, the application clocks of the snapshot or the default ones."""
        with self._gpu() as gpu, ExitStack() as whatever_happens, suppress(*_ABSENT):
            whatever_happens.callback(self._free_core, gpu, snapshot.get("application_clocks_mhz", "").split())
            pynvml.nvmlDeviceResetMemoryLockedClocks(gpu)

    def _free_core(self, gpu: Any, application_clocks_mhz: list[str]) -> None:
        try:
            pynvml.nvmlDeviceResetGpuLockedClocks(gpu)
        except _ABSENT:
            call = "Set" if application_clocks_mhz else "Reset"
            getattr(pynvml, f"nvmlDevice{call}ApplicationsClocks")(gpu, *map(int, application_clocks_mhz))

    @contextmanager
    def _gpu(self) -> Iterator[Any]:
        """The handle, looked up anew: a GPU that was reset has another, seen only by a library opened anew."""
        try:
            if self._uuid not in (found := dict(gpus())):
                with suppress(pynvml.NVMLError):
                    pynvml.nvmlShutdown()
                pynvml.nvmlInit()
                if self._uuid not in (found := dict(gpus())):
                    raise DeviceError(f"{self.key} has vanished; reset it (nvidia-smi --gpu-reset) or reboot")
            yield found[self._uuid]
        except pynvml.NVMLError as error:
            code = vars(error)["value"]
            story = f"{self.key}: {error}{_RIGHTS if code == 4 else ''}"
            raise (ClockError if code in (2, 24) else DeviceError)(story) from error
