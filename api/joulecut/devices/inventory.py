"""Which real devices this machine has, under the names that configuration files use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from joulecut.devices.emulation import EmulatedProbe
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock
from joulecut_runtime.devices.hardware.probe import Probe
from joulecut_runtime.devices.opening import AUTO, is_real, open_device
from joulecut_runtime.devices.real import RealKind

_SYSTEM = Path("/")
_GPU_PREFIX = f"{RealKind.NVML.value}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A device that is here, or that somebody says is. `kind` is None for an emulated one.

    `root`: of the kernel tree that it lies in; its clock daemon's socket and its journals are below it too.
    """

    name: str
    kind: RealKind | None
    open_probe: Callable[[Clock], Probe]
    root: Path = _SYSTEM

    @property
    def accelerator(self) -> bool:
        """Whether it is meant for networks, unlike the host's CPU."""
        return self.kind is not RealKind.CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What was found. `failures`: why a backend could not look, by its name."""

    sightings: tuple[Sighting, ...]
    tegra: bool = False
    gpus: int = 0
    failures: Mapping[str, DeviceError] = field(default_factory=dict)


def find_devices(root: Path = _SYSTEM, names: Sequence[str] = ()) -> Inventory:
    """The devices called `names`, or all real ones: a Jetson's GPU or else NVIDIA GPUs, then the host's CPU.

    `root`: of the kernel's files. GPUs are looked for through NVML, whatever it is, but never on a Jetson.
    """
    from joulecut_runtime.devices.jetson import is_tegra  # noqa: PLC0415 - backends load where they are used

    failures: dict[str, DeviceError] = {}
    try:
        tegra = is_tegra(root)
    except DeviceError as error:
        tegra, failures[RealKind.JETSON.value] = False, error
    gpus: Sequence[str] = ()
    if not tegra and not failures:
        try:
            gpus = find_gpus(root)
        except DeviceError as error:
            failures[RealKind.NVML.value] = error
    here = [RealKind.JETSON.value] if tegra else [f"{_GPU_PREFIX}{gpu}" for gpu in gpus]
    best = [*here, RealKind.CPU.value][0]
    wanted = [best if name == AUTO else name for name in names] or [*here, RealKind.CPU.value]
    return Inventory(
        sightings=tuple(sighting(name, root) for name in wanted), tegra=tegra, gpus=len(gpus), failures=failures
    )


def find_gpus(root: Path = _SYSTEM) -> tuple[str, ...]:
    """The GPUs that NVML counts, by UUID, lost ones last and by index.

    Raises DeviceError where there is no driver to ask, or no nvidia-ml-py.
    """
    try:
        from joulecut_runtime.devices.nvml import gpu_places  # noqa: PLC0415 - nvidia-ml-py is part of an extra
    except ModuleNotFoundError as error:
        raise DeviceError(
            f"{error.name} is not installed, so NVIDIA GPUs cannot be looked for; `pip install 'joulecut[runtime]'`"
        ) from error
    return gpu_places(root)


def sighting(name: str, root: Path = _SYSTEM) -> Sighting:
    """The device of a name; a Jetson or a CPU without a place of its own lies below `root`; `auto`: the best there."""
    if name == AUTO:
        return find_devices(root, (AUTO,)).sightings[0]
    placed = place_below(name, root)
    word, _, place = placed.partition(":")
    kind = RealKind(word) if is_real(placed) else None
    tree = Path(place).expanduser() if place and kind in (RealKind.JETSON, RealKind.CPU) else root
    return Sighting(name=placed, kind=kind, root=tree, open_probe=partial(_open_probe, placed, kind, tree))


def place_below(name: str, root: Path) -> str:
    """The name with `root` as its place, where it is a kernel tree's and says none itself."""
    if root != _SYSTEM and name in (RealKind.JETSON.value, RealKind.CPU.value):
        return f"{name}:{root}"
    return name


def _open_probe(name: str, kind: RealKind | None, root: Path, clock: Clock) -> Probe:
    if kind is None:
        return EmulatedProbe(name, open_device(name, clock=clock))
    if kind is RealKind.NVML:
        from joulecut_runtime.devices.nvml import NvmlProbe  # noqa: PLC0415 - of an extra

        return NvmlProbe(name.partition(":")[2], clock=clock, root=root)
    if kind is RealKind.JETSON:
        from joulecut_runtime.devices.jetson import JetsonProbe  # noqa: PLC0415 - backends load where they are used

        return JetsonProbe(root, clock=clock)
    from joulecut_runtime.devices.host import HostProbe  # noqa: PLC0415 - likewise

    return HostProbe(root, clock=clock)
