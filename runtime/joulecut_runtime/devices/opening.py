"""Open a device by name.

nvml, nvml:<index or UUID>   a GPU of this host, the first one without a place
jetson, jetson:<root>        this Jetson, or the kernel tree below a folder
cpu, cpu:<root>              the host's CPU, likewise
auto                         a Jetson where this is one, else a GPU, else the CPU
emulated:<name or path>      an emulated device: one of the shipped files, or a TOML file of one's own
"""

from __future__ import annotations

import difflib
import logging
from pathlib import Path

from joulecut_core.devices import Device
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock
from joulecut_runtime.devices.device_file import load_device_file
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.devices.real import RealKind, find_kind, open_real

_LOG = logging.getLogger(__name__)

AUTO = "auto"
_FILES = Path(__file__).parent / "files"
_EMULATED = "emulated:"


def device_names() -> tuple[str, ...]:
    """The names of the emulated devices that are always there, ascending."""
    return tuple(sorted(f"{_EMULATED}{path.stem}" for path in _FILES.glob("*.toml")))


def is_real(name: str) -> bool:
    """Whether this is the name of a real device, which need not be there."""
    return name.partition(":")[0] in _real_names()


def check_device_name(name: str) -> None:
    """Raise DeviceError, as `open_device` would, where no device is called so; a real one need not be there."""
    if name != AUTO and _real_kind(name)[0] is None:
        _device_path(name)


def open_device(name: str, *, clock: Clock, seed: int = 0, options: DeviceOptions | None = None) -> Device:
    """The device called `name`, living in the time of `clock`.

    `seed` is for emulated devices, `options` for real ones. Raises DeviceError for an unknown name, with the names
    nearest to it, and for a device that is not there; ConfigError for a file or an option that is wrong.
    """
    kind, place = _real_kind(name)
    if kind is None:
        return EmulatedDevice(load_device_file(_device_path(name)), clock=clock, seed=seed)
    return open_real(kind, place, clock=clock, options=options or DeviceOptions())


def _real_kind(name: str) -> tuple[RealKind | None, str]:
    """The kind and the place that the name of a real device says; no kind for other names."""
    if name == AUTO:
        kind = find_kind()
        _LOG.info("device auto: %s", kind.value)
        return kind, ""
    word, colon, place = name.partition(":")
    if word not in {kind.value for kind in RealKind}:
        return None, ""
    if colon and not place:
        raise DeviceError(f"device {name!r}: nothing after the colon; expected its place there, or {word!r} alone")
    return RealKind(word), place


def _device_path(name: str) -> Path:
    if name in device_names():
        return _FILES / f"{name.removeprefix(_EMULATED)}.toml"
    if name.startswith(_EMULATED) and name.endswith(".toml"):
        path = Path(name.removeprefix(_EMULATED)).expanduser()
        if path.is_file():
            return path
        raise DeviceError(f"device {name!r}: there is no file {path}; expected a device file or one of {_known()}")
    full = {known.removeprefix(_EMULATED): known for known in (*device_names(), *_real_names())}
    close = difflib.get_close_matches(name.removeprefix(_EMULATED), full, n=3)
    hint = (
        f"did you mean {' or '.join(repr(full[stem]) for stem in close)}?" if close else f"expected one of {_known()}"
    )
    raise DeviceError(f"device {name!r} is unknown; {hint}")


def _real_names() -> tuple[str, ...]:
    return (*(kind.value for kind in RealKind), AUTO)


def _known() -> str:
    return ", ".join((*device_names(), *_real_names()))
