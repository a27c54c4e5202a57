"""Whether torch can compute on the accelerator that is here: torch, the CUDA it was built for, driver and GPU."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut_core.child_programs import ended_with_its_parent
from joulecut_core.decoding import decode
from joulecut_core.errors import DeviceError

_IMPORT_S = 60.0
"""Importing torch from a cold SD card takes a Jetson half a minute."""
_TAIL = 300
_ARCHITECTURE = re.compile(r"(sm|compute)_(\d+)(\d)[a-z]?")

_WHEEL = "install the torch wheel that NVIDIA builds for this JetPack (python -c 'import torch' must find that one)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchDevice:
    """A CUDA device as torch sees it. `uuid` is NVML's, None where this torch does not tell."""

    name: str
    capability: tuple[int, ...]
    uuid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Torch:
    """What an installed torch is and sees. `reason`: why CUDA did not start, in torch's words."""

    version: str
    built_cuda: str | None
    cuda_available: bool
    threads: int
    reason: str | None = None
    architectures: tuple[str, ...] = ()
    devices: tuple[TorchDevice, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerators:
    """What there is to compute on. `driver_cuda`: the newest CUDA of the NVIDIA driver as (major, minor)."""

    tegra: bool = False
    gpus: int = 0
    driver_cuda: tuple[int, int] | None = None


def installed_torch(environment: Mapping[str, str] | None = None) -> Torch | None:
    """What torch says of itself in a process of its own; None where it is not installed.

    Raises DeviceError where that process fails or takes longer than a minute.
    """
    # A driver that hangs would keep it for ever, and nobody waits where the command is interrupted.
    command = [*ended_with_its_parent(), sys.executable, "-m", "joulecut.diagnosis.torch_report"]
    try:
        done = subprocess.run(  # noqa: S603 - this very program's Python
            command,
            capture_output=True,
            text=True,
            timeout=_IMPORT_S,
            check=False,
            env=dict(os.environ if environment is None else environment),
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"importing torch took longer than {_IMPORT_S:g} s; its driver may hang") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-_TAIL:]
        raise DeviceError(f"importing torch ended with status {done.returncode}: {said}")
    document = json.loads(done.stdout.splitlines()[-1])
    return decode(Torch, document, error=DeviceError, path="torch") if document else None


def newest_cuda() -> tuple[int, int] | None:
    """The newest CUDA that the NVIDIA driver runs, as (major, minor); None where there is no driver to ask."""
    try:
        import pynvml  # noqa: PLC0415 - part of an extra
    except ModuleNotFoundError:
        return None
    try:
        pynvml.nvmlInit()
        try:
            version = int(pynvml.nvmlSystemGetCudaDriverVersion_v2())
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None
    return version // 1000, version % 1000 // 10


def examine_torch(
    accelerators: Callable[[], Accelerators], torch_of: Callable[[], Torch | None] = installed_torch
) -> Iterator[Finding]:
    """Whether this torch computes where the clocks are held."""
    try:
        torch = torch_of()
    except DeviceError as error:
        yield _finding(Status.PROBLEM, str(error), "`python -c 'import torch'` must work: reinstall torch", {})
        return
    here = accelerators()
    if torch is None:
        install = _WHEEL if here.tegra else "`pip install 'joulecut[torch]'`; planning alone needs none"
        yield _finding(Status.NOTE, "torch is not installed: no network can run or be profiled here", install, {})
        return
    status, what, remedy = _match(torch, here)
    facts: dict[str, Fact] = {
        "version": torch.version,
        "built_cuda": torch.built_cuda,
        "cuda_available": torch.cuda_available,
        "driver_cuda": None if here.driver_cuda is None else "{}.{}".format(*here.driver_cuda),
        "architectures": torch.architectures,
        "threads": torch.threads,
        "vendor_build": ".nv" in torch.version or "+nv" in torch.version,
        "devices": [
            {"name": each.name, "capability": list(each.capability), "uuid": each.uuid} for each in torch.devices
        ],
    }
    yield _finding(status, what, remedy, facts)


def _match(torch: Torch, here: Accelerators) -> tuple[Status, str, str | None]:
    accelerated = here.tegra or here.gpus > 0
    if torch.built_cuda is None:
        what = f"torch {torch.version} computes on the CPU"
        if not accelerated:
            return Status.OK, what, None
        remedy = _WHEEL if here.tegra else f"install a torch built for CUDA{_at_most(here)} (https://pytorch.org)"
        return Status.PROBLEM, f"{what}, while the GPU's clocks and joules would be planned for", remedy
    what = f"torch {torch.version}, built for CUDA {torch.built_cuda}"
    if not accelerated:
        return Status.NOTE, f"{what}; there is no NVIDIA GPU, so it computes on the CPU", None
    if not torch.cuda_available:
        return Status.PROBLEM, f"{what}, cannot use the GPU{_because(torch, here)}", _start_remedy(torch, here)
    foreign = [device for device in torch.devices if not _covers(torch.architectures, device)]
    if foreign:
        device = foreign[0]
        capability = ".".join(map(str, device.capability))
        return (
            Status.PROBLEM,
            f"{what}, has no code for {device.name} of compute capability {capability}",
            f"install a torch whose torch.cuda.get_arch_list() covers {capability}",
        )
    return Status.OK, f"{what}, on {', '.join(device.name for device in torch.devices)}", None


def _because(torch: Torch, here: Accelerators) -> str:
    if _too_new(torch, here):
        return f": the driver goes up to CUDA {_version(here)}"
    return f": {torch.reason}" if torch.reason else ""


def _start_remedy(torch: Torch, here: Accelerators) -> str:
    if here.tegra:
        return _WHEEL
    if _too_new(torch, here):
        return f"update the NVIDIA driver, or install a torch built for CUDA{_at_most(here)}"
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "CUDA_VISIBLE_DEVICES is empty: unset it, or name a GPU in it"
    return "check that `nvidia-smi` works as this user, that /dev/nvidia* can be opened, and CUDA_VISIBLE_DEVICES"


def _too_new(torch: Torch, here: Accelerators) -> bool:
    # Within a major version of CUDA older drivers run newer builds.
    built = re.match(r"\d+", torch.built_cuda or "")
    return built is not None and here.driver_cuda is not None and int(built[0]) > here.driver_cuda[0]


def _covers(architectures: tuple[str, ...], device: TorchDevice) -> bool:
    """Whether there is machine code of the device's major version and no newer minor, or PTX of an older one."""
    major, minor = device.capability[:2]
    for name in architectures:
        match = _ARCHITECTURE.fullmatch(name)
        if match is None:
            return True
        built = (int(match[2]), int(match[3]))
        if built <= (major, minor) and (match[1] == "compute" or built[0] == major):
            return True
    return not architectures


def _at_most(here: Accelerators) -> str:
    return "" if here.driver_cuda is None else f" {here.driver_cuda[0]} or older"


def _version(here: Accelerators) -> str:
    return "" if here.driver_cuda is None else "{}.{}".format(*here.driver_cuda)


def _finding(status: Status, what: str, remedy: str | None, facts: Mapping[str, Fact]) -> Finding:
    return Finding(area=Area.TORCH, name="torch", status=status, what=what, remedy=remedy, facts=facts)
