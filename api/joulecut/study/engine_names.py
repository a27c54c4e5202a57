"""The engines of a study by name, and what a device can offer of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from joulecut_core.errors import ConfigError


class EngineName(str, Enum):
    """Ways to run the same network."""

    EAGER = "eager"
    COMPILE = "compile"
    CUDA_GRAPH = "cuda-graph"
    ONNXRUNTIME = "onnxruntime"
    TENSORRT = "tensorrt"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOffer:
    """Whether an engine can be studied on a device. `basis`: what its figures rest on, or why there are none."""

    engine: EngineName
    available: bool
    basis: str


def parse_engines(text: str) -> tuple[EngineName, ...]:
    """Engines from names separated by commas, or `all`; raises ConfigError for an unknown one."""
    if text == "all":
        return tuple(EngineName)
    names = [name.strip() for name in text.split(",")]
    known = {engine.value: engine for engine in EngineName}
    for name in names:
        if name not in known:
            raise ConfigError(f"--engines: {name!r} is unknown; expected all, or some of {', '.join(known)}")
    return tuple(dict.fromkeys(known[name] for name in names))


def available(offers: Sequence[EngineOffer], wanted: Sequence[EngineName]) -> tuple[EngineName, ...]:
    """Those of `wanted` that are there. Raises ConfigError with every reason where none is."""
    found = tuple(offer.engine for offer in offers if offer.available and offer.engine in wanted)
    if not found:
        reasons = "; ".join(f"{offer.engine.value}: {offer.basis}" for offer in offers if offer.engine in wanted)
        raise ConfigError(f"none of the engines is available here: {reasons}")
    return found
