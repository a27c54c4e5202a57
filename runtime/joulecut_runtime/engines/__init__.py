"""Engines: how a part of a network computes: on which torch device, in which precision, by which of torch's ways."""

from __future__ import annotations

from joulecut_runtime.engines.engine import (
    Border,
    Engine,
    EngineName,
    IntegerPrecision,
    PartSeconds,
    Precision,
    PreparedPart,
)
from joulecut_runtime.engines.engine_network import EngineNetwork, declared_on_host
from joulecut_runtime.engines.opening import engine_obstacle, open_engine
from joulecut_runtime.engines.torch_devices import synchroniser, torch_device_of

__all__ = [
    "Border",
    "Engine",
    "EngineName",
    "EngineNetwork",
    "IntegerPrecision",
    "PartSeconds",
    "Precision",
    "PreparedPart",
    "declared_on_host",
    "engine_obstacle",
    "open_engine",
    "synchroniser",
    "torch_device_of",
]
