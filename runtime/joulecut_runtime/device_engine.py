"""The engine that computes on a device: torch's own device where that is a GPU torch can use, else the CPU."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from joulecut_core.devices import Device
from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock
from joulecut_runtime.devices.computing import torch_device_for
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.engines import Engine, EngineName, Precision, open_engine

E = TypeVar("E", bound=Enum)


def engine_on(device: Device, options: DeviceOptions, *, clock: Clock) -> Engine:
    """An engine for the device as the options say. Raises ConfigError for an unknown one, or one that cannot run."""
    name = _named(EngineName, "engine", options.engine)
    precision = _named(Precision, "precision", options.precision)
    return open_engine(name, precision, torch_device=torch_device_for(device.info), clock=clock)


def _named(kind: type[E], option: str, value: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(str(each.value) for each in kind)
        raise ConfigError(f"{option}: {value[:40]!r}; expected one of {known}") from error
