"""Open a device by name: "emulated:<shipped file>" or "emulated:<path of a TOML file>"."""

from __future__ import annotations

import difflib
from pathlib import Path

from joulecut_core.devices import Device
from joulecut_core.errors import DeviceError
from joulecut_core.timing import Clock
from joulecut_runtime.devices.device_file import load_device_file
from joulecut_runtime.devices.emulated import EmulatedDevice

_FILES = Path(__file__).parent / "files"
_EMULATED = "emulated:"


def device_names() -> tuple[str, ...]:
    """The names that are always there, ascending."""
    return tuple(sorted(f"{_EMULATED}{path.stem}" for path in _FILES.glob("*.toml")))


def open_device(name: str, *, clock: Clock, seed: int = 0) -> Device:
    """The device called `name`, living in the time of `clock`.

    Raises DeviceError for an unknown name, with the names nearest to it; ConfigError for a file that is wrong.
    """
    return EmulatedDevice(load_device_file(_device_path(name)), clock=clock, seed=seed)


def _device_path(name: str) -> Path:
    if name in device_names():
        return _FILES / f"{name.removeprefix(_EMULATED)}.toml"
    if name.startswith(_EMULATED) and name.endswith(".toml"):
        path = Path(name.removeprefix(_EMULATED)).expanduser()
        if path.is_file():
            return path
        raise DeviceError(f"device {name!r}: there is no file {path}; expected a device file or one of {_known()}")
    stems = [known.removeprefix(_EMULATED) for known in device_names()]
    close = difflib.get_close_matches(name.removeprefix(_EMULATED), stems, n=3)
    hint = (
        f"did you mean {' or '.join(repr(_EMULATED + stem) for stem in close)}?"
        if close
        else f"expected one of {_known()}"
    )
    raise DeviceError(f"device {name!r} is unknown; {hint}")


def _known() -> str:
    return ", ".join(device_names())
