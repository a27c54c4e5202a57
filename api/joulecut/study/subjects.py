"""The networks of a study: each can be captured at every batch size, or says at which."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from joulecut.networks import efficientnet_lite0
from joulecut.networks.packing import build_module, parse_input
from joulecut.study.torchvision_networks import torchvision_network
from joulecut_core.errors import ConfigError
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.bundle import MANIFEST_FILE, read_bundle, read_manifest
from joulecut_runtime.networks.graph import Graph

DEMO_NETWORK = "efficientnet-lite0"
DEFAULT_NETWORKS = (DEMO_NETWORK, "resnet50")
_PICTURE_SIDE = {"inception_v3": 299}
"""What torchvision's networks are made for, where it is not 224."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Subject(Protocol):
    """A network under study."""

    @property
    def name(self) -> str:
        """What rows and pages call it."""
        ...

    @property
    def weights(self) -> str:
        """Where its weights are from, in words."""
        ...

    def check_batch(self, batch: int) -> None:
        """Raise ConfigError where it cannot be captured at this batch size."""
        ...

    def graph(self, batch: int) -> Graph:
        """The network on batches of this size. Raises CaptureError where it cannot be captured."""
        ...


class ModuleSubject:
    """A torch module, captured anew for each batch size. `examples`: one request of batch 1."""

    def __init__(self, name: str, build: Callable[[], nn.Module], examples: Sequence[Tensor], *, weights: str) -> None:
        self.name = name
        self.weights = weights
        self._build = build
        self._examples = tuple(examples)
        self._module: nn.Module | None = None

    def check_batch(self, batch: int) -> None:
        """Any batch size will do."""

    def graph(self, batch: int) -> Graph:
        """The module captured on `batch` requests at once."""
        if self._module is None:
            torch.manual_seed(0)
            self._module = self._build()
        inputs = [example.repeat(batch, *[1] * (example.dim() - 1)) for example in self._examples]
        return capture(self._module, inputs, name=self.name)


class BundleSubject:
    """A bundle: of one batch size, the one that it was captured at."""

    weights = "those of the bundle"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        manifest = read_manifest(folder)
        shape = manifest.inputs[0].shape if manifest.inputs else ()
        self.name = manifest.name
        self.batch = shape[0] if shape else 1

    def check_batch(self, batch: int) -> None:
        """Only the captured one: shapes are part of a bundle."""
        if batch != self.batch:
            raise ConfigError(
                f"{self._folder} was captured at batch {self.batch}, not {batch}; give --batches {self.batch}, or its "
                "factory (package.module:factory), which is captured at every batch size"
            )

    def graph(self, batch: int) -> Graph:
        """The bundle's graph, checked."""
        self.check_batch(batch)
        return read_bundle(self._folder)


def find_subject(reference: str, inputs: Sequence[str]) -> Subject:
    """The network that a user names: a bundle's folder, package.module:factory, or a network known by name.

    `inputs`: texts of `joulecut.networks.packing.parse_input` at batch 1, for a factory only. Raises ConfigError.
    """
    if (Path(reference) / MANIFEST_FILE).is_file():
        return BundleSubject(Path(reference))
    if ":" in reference:
        return ModuleSubject(
            reference.partition(":")[2],
            lambda: build_module(reference),
            _examples(reference, inputs),
            weights="those that the factory loads",
        )
    if reference == DEMO_NETWORK:
        picture = torch.zeros((1, 3, 224, 224), dtype=torch.uint8)
        return ModuleSubject(reference, efficientnet_lite0, (picture,), weights="trained on ImageNet")
    if not _NAME.fullmatch(reference):
        raise ConfigError(
            f"network {reference!r}: no bundle is there; expected a bundle's folder, package.module:factory, "
            f"{DEMO_NETWORK}, or a network of torchvision such as resnet50"
        )
    side = _PICTURE_SIDE.get(reference, 224)
    return ModuleSubject(reference, torchvision_network(reference), (torch.zeros(1, 3, side, side),), weights="random")


def _examples(reference: str, inputs: Sequence[str]) -> tuple[Tensor, ...]:
    if not inputs:
        raise ConfigError(f"{reference} needs --input, once per tensor it takes, at batch 1: --input f32:1x3x224x224")
    examples = tuple(parse_input(text) for text in inputs)
    for text, example in zip(inputs, examples, strict=True):
        if example.shape[0] != 1:
            raise ConfigError(f"--input {text}: the first dimension is {example.shape[0]}; expected 1, the batch")
    return examples
