"""What NVML's codes mean to joulecut: one table from code to error, cause and remedy.

`NVMLError` defines `__eq__` without `__hash__` and cannot be compared with other exceptions, so it never leaves
this backend: whoever calls the library translates at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from joulecut_core.errors import ClockError, DeviceError


class Reaction(Enum):
    """What this backend does about a code before anybody sees an error."""

    REPORT = "report"
    """Nothing: the caller gets the error."""
    ABSENT = "absent"
    """The driver, or this generation of GPUs, has no such call: a capability less where the call is optional."""
    REOPEN = "reopen"
    """The handle is worth nothing any more: report, and look the GPU up anew at the next call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One row of the table."""

    what: str
    remedy: str
    error: type[DeviceError] = DeviceError
    reaction: Reaction = Reaction.REPORT


UNINITIALIZED, FUNCTION_NOT_FOUND, GPU_IS_LOST = 1, 13, 15

_DRIVER_LOG = "see the driver's messages (dmesg, nvidia-smi -q)"
_RIGHTS = (
    "run joulecut-clockd, which holds clocks for users it allows, or run as root "
    "(in a container: with the capability SYS_ADMIN)"
)
_RESET = "reset it (nvidia-smi --gpu-reset) or restart the machine; joulecut looks for it again at each call"

MEANINGS: Mapping[int, Meaning] = {
    1: Meaning(what="the library is not initialised", remedy="open the device again", reaction=Reaction.REOPEN),
    2: Meaning(
        what="an argument is invalid",
        remedy="use values that the GPU lists; a MIG or vGPU instance does not take them at all",
    ),
    3: Meaning(
        what="this GPU or its driver does not support it",
        remedy="see which calls each generation supports in the reference of the NVML backend",
        reaction=Reaction.ABSENT,
    ),
    4: Meaning(what="this user may not", remedy=_RIGHTS),
    5: Meaning(what="the library is initialised already", remedy="open the device again"),
    6: Meaning(what="there is no such thing", remedy="list GPUs and clocks with `joulecut device list`"),
    7: Meaning(what="a buffer is too small", remedy="update nvidia-ml-py to the driver's version"),
    8: Meaning(what="the board's external power is not connected well", remedy="check the power cables"),
    9: Meaning(
        what="the NVIDIA driver is not loaded",
        remedy="load it (modprobe nvidia), or give the container the GPU (--gpus all)",
        reaction=Reaction.REOPEN,
    ),
    10: Meaning(what="the driver did not answer in time", remedy=f"try again; where it stays so, {_DRIVER_LOG}"),
    11: Meaning(what="the kernel has trouble with the GPU's interrupts", remedy=_DRIVER_LOG),
    12: Meaning(
        what="libnvidia-ml.so.1 is not there",
        remedy="install the NVIDIA driver, or give the container the GPU (--gpus all); a Jetson is opened as `jetson`",
    ),
    13: Meaning(
        what="the driver's library has no such call",
        remedy="update the NVIDIA driver",
        reaction=Reaction.ABSENT,
    ),
    14: Meaning(what="the GPU's infoROM is corrupted", remedy="have the board serviced"),
    15: Meaning(what="the GPU has fallen off the bus", remedy=_RESET, reaction=Reaction.REOPEN),
    16: Meaning(what="the GPU needs a reset", remedy=_RESET, reaction=Reaction.REOPEN),
    17: Meaning(what="the operating system blocked it", remedy="check the container's and the cgroup's device rules"),
    18: Meaning(
        what="driver and library are of different versions",
        remedy="restart the machine after a driver update, or reload the driver's modules",
        reaction=Reaction.REOPEN,
    ),
    19: Meaning(what="the GPU is in use", remedy="end what uses it"),
    20: Meaning(what="memory is short", remedy="free memory of the host"),
    21: Meaning(what="there is no data", remedy="try again later", reaction=Reaction.ABSENT),
    22: Meaning(
        what="a virtual GPU cannot do it while ECC is on",
        remedy="turn ECC off, or use the physical GPU",
        reaction=Reaction.ABSENT,
    ),
    23: Meaning(what="the driver is short of resources", remedy="end other users of the GPU"),
    24: Meaning(what="the clock is not one of the GPU's", remedy="choose a listed operating point", error=ClockError),
    25: Meaning(
        what="driver and nvidia-ml-py disagree about a structure",
        remedy="update nvidia-ml-py to the driver's version",
        reaction=Reaction.ABSENT,
    ),
    26: Meaning(
        what="the driver no longer has this call",
        remedy="update joulecut and nvidia-ml-py",
        reaction=Reaction.ABSENT,
    ),
    27: Meaning(what="the GPU is not ready yet", remedy="try again in some seconds"),
    28: Meaning(
        what="no GPU was found", remedy=f"check that the board is seated; {_DRIVER_LOG}", reaction=Reaction.REOPEN
    ),
    29: Meaning(what="the GPU is in a state that forbids it", remedy="end MIG or vGPU changes in progress"),
    30: Meaning(what="the GPU cannot be reset so", remedy="restart the machine"),
    999: Meaning(what="the driver reports an unknown error", remedy=_DRIVER_LOG),
}
"""Every code that nvidia-ml-py knows; a test keeps it complete."""

_UNLISTED = Meaning(what="the driver answers with a code that joulecut does not know", remedy=_DRIVER_LOG)


def meaning_of(code: int) -> Meaning:
    """The table's row, or one for codes younger than it."""
    return MEANINGS.get(code, _UNLISTED)


def device_error(code: int, *, who: str, doing: str) -> DeviceError:
    """The error to raise where `who` ("GPU 0 (GPU-5f0c…)") answered `doing` ("reading its power") with a code."""
    meaning = meaning_of(code)
    return meaning.error(f"{who}: {doing} failed: {meaning.what} (NVML {code}); {meaning.remedy}")
