"""Networks of torchvision by name, random weights, where it is installed."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from functools import cache
from typing import Protocol, cast

import torch
from torch import nn

from joulecut_core.errors import ConfigError

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class _Models(Protocol):
    """What is used of torchvision.models."""

    def list_models(self) -> list[str]: ...

    def get_model(self, name: str, *, weights: None) -> nn.Module: ...


def torchvision_network(name: str) -> Callable[[], nn.Module]:
    """A factory of the network of this name. Raises ConfigError where it, or torchvision, is not there."""
    models = _models(name)
    known = models.list_models()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "expected a classification network such as resnet50"
        raise ConfigError(f"torchvision has no network {name!r}; {hint}")
    return lambda: models.get_model(name, weights=None)


def _models(name: str) -> _Models:
    try:
        importlib.import_module("torchvision")
    except RuntimeError:  # built for another torch, whose operators cannot be loaded
        _declare_missing_operators()
    except ImportError:  # said below
        pass
    try:
        return cast("_Models", importlib.import_module("torchvision.models"))
    except ImportError as cause:
        raise ConfigError(
            f"network {name!r} is one of torchvision's, which is not installed; "
            "install it with `pip install --no-deps torchvision`"
        ) from cause


@cache
def _declare_missing_operators() -> torch.library.Library:
    """Two operators whose schemas importing torchvision asks for. torch aborts where they are declared twice."""
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch's, untyped
    for operator in ("nms", "qnms"):
        library.define(f"{operator}{_SCHEMA}")  # type: ignore[no-untyped-call]
    return library
