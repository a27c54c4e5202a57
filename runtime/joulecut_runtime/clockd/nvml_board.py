"""Clocks of NVIDIA GPUs: locked from Volta on, application clocks before. NVML tells nobody which lock is in force."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pynvml

from joulecut_core.errors import ClockError, DeviceError
from joulecut_runtime.clockd.book import UnchangedError


class AbsentError(DeviceError):
    """This GPU or its driver lacks the call."""


_NO_PERMISSION, _ABSENT = 4, (3, 13, 21, 22, 25, 26)
ERRORS = {2: ClockError, 24: ClockError, **dict.fromkeys(_ABSENT, AbsentError)}
"""The codes of NVML that boards act on; what every code means is in the table of the NVML backend."""
_REMEDY = "it takes root (CAP_SYS_ADMIN) or joulecut-clockd, and no MIG; see dmesg; a lost GPU: nvidia-smi --gpu-reset"


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
        self.key, self._uuid, self._touched = f"nvml:{uuid}", uuid, False

    def snapshot(self) -> Mapping[str, str]:
        """The application clocks of memory and core: all that can be read. Another tool's lock is lost."""
        with suppress(AbsentError):
            return {"application_clocks_mhz": " ".join(str(self._ask("GetApplicationsClock", kind)) for kind in (2, 0))}
        return {}

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """Memory first: legal core clocks depend on it. Where it cannot be locked, its top clock needs no lock."""
        memories = self._ask("GetSupportedMemoryClocks")
        core, memory = round(core_mhz), max(memories) if memory_mhz is None else round(memory_mhz)
        cores = self._ask("GetSupportedGraphicsClocks", memory) if memory in memories else []
        if core not in cores:
            raise ClockError(f"{self.key} lists no {core}/{memory} MHz; expected memory {memories}, core {cores}")
        if memory_mhz is not None and not self._set("SetMemoryLockedClocks", memory, memory) and memory < max(memories):
            raise ClockError(f"{self.key} cannot lock memory at {memory} MHz; expected its highest clock")
        if not self._set("SetGpuLockedClocks", core, core) and not self._set("SetApplicationsClocks", memory, core):
            raise DeviceError(f"{self.key} has neither locks nor application clocks; leave its clocks to its governor")

    def restore(self, snapshot: Mapping[str, str], *, memory: bool = True) -> None:
        """No locks and, where the GPU has none, the application clocks of the snapshot or the default ones."""
        kept_mhz = [int(mhz) for mhz in snapshot.get("application_clocks_mhz", "").split()]
        try:
            if memory:
                self._set("ResetMemoryLockedClocks")
        finally:
            if not self._set("ResetGpuLockedClocks"):
                self._set("SetApplicationsClocks" if kept_mhz else "ResetApplicationsClocks", *kept_mhz)

    def _set(self, call: str, *clocks_mhz: int) -> bool:
        """Whether the driver did it; False where it lacks the call."""
        with suppress(AbsentError):
            self._ask(call, *clocks_mhz)
            self._touched = True
            return True
        return False

    def _ask(self, call: str, *arguments: int) -> Any:
        """What NVML answers about this GPU, in joulecut's errors."""
        try:
            return getattr(pynvml, f"nvmlDevice{call}")(self._handle(), *arguments)
        except pynvml.NVMLError as error:
            code = vars(error)["value"]
            kind = UnchangedError if code == _NO_PERMISSION and not self._touched else ERRORS.get(code, DeviceError)
            raise kind(f"{self.key}: {call} failed: {error} (NVML {code}); {_REMEDY}") from error

    def _handle(self) -> Any:
        """Looked up anew: a GPU that was reset has another, seen only by a library opened anew."""
        if self._uuid not in (found := dict(gpus())):
            with suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()
            pynvml.nvmlInit()
            if self._uuid not in (found := dict(gpus())):
                raise DeviceError(f"{self.key} has vanished; reset it (nvidia-smi --gpu-reset) or reboot")
        return found[self._uuid]


def find() -> list[NvmlBoard]:
    """This machine's GPUs, if any. NVML stays open: without persistence mode a lock ends with its last user."""
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
    return [NvmlBoard(uuid) for uuid, _ in gpus()]
