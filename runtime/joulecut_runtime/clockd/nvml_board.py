"""Clocks of NVIDIA GPUs: locked from Volta on, application clocks before. NVML tells nobody which lock is in force."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pynvml

from joulecut_core.errors import ClockError, DeviceError
from joulecut_runtime.clockd.boards import MEMORY_UNTOUCHED, Snapshot, UnchangedError

_ABSENT = 3, 13, 21, 22, 25, 26  # not supported, no such function, no data, ECC, structure's version, deprecated
_REFUSED = 2, 24  # invalid argument, frequency not supported
_REMEDIES = {
    **dict.fromkeys(_ABSENT, "this GPU or its driver lacks it: update the driver, or leave this clock alone"),
    **dict.fromkeys(_REFUSED, "choose clocks that the GPU lists; a MIG or vGPU instance takes none"),
    4: "to set clocks be root (in a container: with CAP_SYS_ADMIN) or ask joulecut-clockd",
}
_DRIVER_LOG = "see the driver's messages (dmesg, nvidia-smi -q); a lost GPU takes nvidia-smi --gpu-reset or a reboot"


def gpus() -> Iterator[tuple[str, Any]]:
    """UUID (index where the library tells none) and handle of each GPU that answers, in NVML's order."""
    with suppress(pynvml.NVMLError):
        for index in range(pynvml.nvmlDeviceGetCount()):
            with suppress(pynvml.NVMLError):
                gpu, has_uuid = pynvml.nvmlDeviceGetHandleByIndex(index), hasattr(pynvml.nvmlLib, "nvmlDeviceGetUUID")
                yield pynvml.nvmlDeviceGetUUID(gpu) if has_uuid else str(index), gpu


class NvmlBoard:
    """The Board of one GPU."""

    def __init__(self, uuid: str) -> None:
        self.key, self._uuid = f"nvml:{uuid}", uuid

    def snapshot(self) -> Snapshot:
        """The application clocks of memory and core: all that can be read. Another tool's lock is lost."""
        with self._gpu("GetApplicationsClock") as gpu, suppress(*map(pynvml.nvmlExceptionClass, _ABSENT)):
            memory, core = (pynvml.nvmlDeviceGetApplicationsClock(gpu, kind) for kind in (2, 0))
            return {"application_clocks_mhz": f"{memory} {core}"}
        return {}

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """Memory first: legal core clocks depend on it. Where it has no lock, its top clock needs none."""
        with self._gpu("GetSupportedClocks") as gpu:
            memories = pynvml.nvmlDeviceGetSupportedMemoryClocks(gpu)
            core, memory = round(core_mhz), max(memories) if memory_mhz is None else round(memory_mhz)
            cores = pynvml.nvmlDeviceGetSupportedGraphicsClocks(gpu, memory) if memory in memories else []
            if core not in cores:
                raise ClockError(f"{self.key} lists no {core}/{memory} MHz; expected memory {memories}, core {cores}")
            needed, first = memory != max(memories), True
            if memory_mhz is not None:
                first = not self._set("SetMemoryLockedClocks", gpu, memory, memory, needed=needed, first=True)
            if not self._set("SetGpuLockedClocks", gpu, core, core, needed=False, first=first):
                self._set("SetApplicationsClocks", gpu, memory, core, first=first)

    def restore(self, snapshot: Snapshot) -> None:
        """No locks and, where the GPU has none, the application clocks of the snapshot or the default ones."""
        with self._gpu("restoring") as gpu:
            try:
                if MEMORY_UNTOUCHED not in snapshot:
                    self._set("ResetMemoryLockedClocks", gpu, needed=False)
            finally:
                kept_mhz = [int(mhz) for mhz in snapshot.get("application_clocks_mhz", "").split()]
                if not self._set("ResetGpuLockedClocks", gpu, needed=False):
                    call = "SetApplicationsClocks" if kept_mhz else "ResetApplicationsClocks"
                    self._set(call, gpu, *kept_mhz, needed=bool(kept_mhz))

    def _set(self, call: str, gpu: Any, *clocks_mhz: int, needed: bool = True, first: bool = False) -> bool:
        """Whether the driver did it; False where it lacks a call that is not needed. `first`: nothing changed yet."""
        try:
            getattr(pynvml, f"nvmlDevice{call}")(gpu, *clocks_mhz)
        except pynvml.NVMLError as error:
            if (code := vars(error)["value"]) in _ABSENT and not needed:
                return False
            if first and code == 4:
                raise UnchangedError(self._story(call, error)) from error
            raise (ClockError if code in _REFUSED else DeviceError)(self._story(call, error)) from error
        return True

    def _story(self, call: str, error: Any) -> str:
        return f"{self.key}: {call} failed: {error} (NVML {error.value}); {_REMEDIES.get(error.value, _DRIVER_LOG)}"

    @contextmanager
    def _gpu(self, doing: str) -> Iterator[Any]:
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
            raise DeviceError(self._story(doing, error)) from error


def find() -> list[NvmlBoard]:
    """This machine's GPUs, if any. NVML stays open: without persistence mode a lock ends with its last user."""
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
    return [NvmlBoard(uuid) for uuid, _ in gpus()]
