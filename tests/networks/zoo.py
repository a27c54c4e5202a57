"""Well-known networks with random weights, built without downloads, and inputs for them.

A torchvision built for another torch cannot load its operators, and its import asks for the schemas of two;
they are declared here then, and only then: torch aborts where a schema is declared twice. transformers looks
for torchvision when imported, so it comes after.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from joulecut.networks import efficientnet_lite0
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.bundle import read_bundle, write_bundle
from joulecut_runtime.networks.graph import Graph
from tests.kept import kept
from tests.thoroughness import THOROUGH

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class LanguageModel(nn.Module):
    """A transformers model from token ids to its last hidden state."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        hidden: Tensor = self.model(input_ids=tokens).last_hidden_state
        return hidden


@cache
def _missing_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch's, untyped
    for name in ("nms", "qnms"):
        library.define(f"{name}{_SCHEMA}")  # type: ignore[no-untyped-call]
    return library


def _vision_models() -> Any:
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        _missing_operators()
    except ModuleNotFoundError:
        pass
    return pytest.importorskip("torchvision.models", reason="torchvision is not installed (see the Makefile)")


def _transformers() -> Any:
    _vision_models()
    return pytest.importorskip("transformers", reason="transformers is not installed")


def _vision(name: str, size: int = 224, **options: object) -> Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]:
    def build() -> tuple[nn.Module, tuple[Tensor, ...]]:
        make = getattr(_vision_models(), name)
        module: nn.Module = make(**options) if isinstance(make, type) else make(weights=None, **options)
        return module, (torch.randn(1, 3, size, size),)

    return build


def _few_bottlenecks() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """resnet50 with two blocks to a stage."""
    resnet = _vision_models().resnet
    return resnet.ResNet(resnet.Bottleneck, [2, 2, 2, 2]), (torch.randn(1, 3, 64, 64),)


def _few_blocks_of_convnext() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """convnext_tiny with two blocks to a stage."""
    convnext = _vision_models().convnext
    widths = (96, 192, 384, 768, None)
    stages = [convnext.CNBlockConfig(*pair, 2) for pair in pairwise(widths)]
    return convnext.ConvNeXt(stages), (torch.randn(1, 3, 64, 64),)


def _bert(layers: int = 12) -> tuple[nn.Module, tuple[Tensor, ...]]:
    transformers = _transformers()
    model = transformers.BertModel(transformers.BertConfig(use_cache=False, num_hidden_layers=layers))
    return LanguageModel(model), (torch.randint(0, 30_000, (1, 32)),)


def _gpt2(layers: int = 12, width: int = 768) -> tuple[nn.Module, tuple[Tensor, ...]]:
    transformers = _transformers()
    model = transformers.GPT2Model(transformers.GPT2Config(use_cache=False, n_layer=layers, n_embd=width))
    return LanguageModel(model), (torch.randint(0, 50_000, (1, 32)),)


_BUILDERS: Mapping[str, Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]] = {
    "resnet50": _vision("resnet50"),
    "mobilenet_v2": _vision("mobilenet_v2"),
    # Fewer patches: the same network on a quarter of the picture.
    "vit_b_16": _vision("vit_b_16", size=112, image_size=112),
    "convnext_tiny": _vision("convnext_tiny"),
    "swin_t": _vision("swin_t"),
    "densenet121": _vision("densenet121", size=128),
    "googlenet": _vision("googlenet", init_weights=False),
    "inception_v3": _vision("inception_v3", size=160, init_weights=False),
    "bert": _bert,
    "gpt2": _gpt2,
}
_SMALLER: Mapping[str, Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]] = {
    "resnet50": _few_bottlenecks,
    "mobilenet_v2": _vision(
        "MobileNetV2",
        size=64,
        inverted_residual_setting=[
            [1, 16, 1, 1],
            [6, 24, 2, 2],
            [6, 32, 2, 2],
            [6, 64, 2, 2],
            [6, 96, 1, 1],
            [6, 160, 2, 2],
            [6, 320, 1, 1],
        ],
    ),
    "vit_b_16": _vision(
        "VisionTransformer",
        size=64,
        image_size=64,
        patch_size=16,
        num_layers=2,
        num_heads=12,
        hidden_dim=192,
        mlp_dim=768,
    ),
    "convnext_tiny": _few_blocks_of_convnext,
    # A third stage's windows would be the whole picture, and none would be shifted.
    "swin_t": _vision(
        "SwinTransformer",
        size=112,
        patch_size=[4, 4],
        embed_dim=96,
        depths=[2, 2],
        num_heads=[3, 6],
        window_size=[7, 7],
    ),
    "densenet121": _vision("DenseNet", size=64, growth_rate=32, block_config=(3, 4, 6, 4), num_init_features=64),
    "googlenet": _vision("googlenet", size=64, init_weights=False),
    "inception_v3": _vision("inception_v3", size=96, init_weights=False),
    "bert": partial(_bert, 5),
    "gpt2": partial(_gpt2, 5, width=192),
}
"""Every kind of block of the networks above, fewer or narrower ones and on smaller pictures."""
NAMES: Sequence[str] = tuple(_BUILDERS)
"""The networks on offer."""


def build(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A network in evaluation mode and inputs for it; skips the test where its library is missing."""
    return _built(_BUILDERS[name])


def build_smaller(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The network with fewer or narrower blocks of each kind and a smaller picture: captured and run in half the time.

    Where the tests are to be thorough it is the network itself.
    """
    return build(name) if THOROUGH else _built(_SMALLER[name])


def captured_smaller(name: str) -> Graph:
    """What `build_smaller` builds, captured by the first process that asks for it."""

    def captured() -> Graph:
        return capture(*build_smaller(name), name=name)

    return kept(f"zoo-{name}", captured, write=write_bundle, read=read_bundle)


def captured_lite0() -> Graph:
    """The demo's network for a picture of its own size, captured by the first process that asks for it."""
    picture = torch.zeros(1, 3, 224, 224, dtype=torch.uint8)
    name = "efficientnet_lite0"
    return kept(
        name, lambda: capture(efficientnet_lite0(), (picture,), name=name), write=write_bundle, read=read_bundle
    )


def _built(make: Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]) -> tuple[nn.Module, tuple[Tensor, ...]]:
    torch.manual_seed(11)
    module, inputs = make()
    for part in module.modules():
        stir(part)
    return module.eval(), inputs


@torch.no_grad()
def stir(part: nn.Module) -> None:
    """Statistics as if trained, and no all-zero head, whose outputs would agree with anything."""
    if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None and part.running_var is not None:
        part.running_mean.normal_(0.0, 0.1)
        part.running_var.uniform_(0.5, 1.5)
        if part.affine:
            part.bias.normal_(0.0, 0.1)
    if isinstance(part, nn.Linear) and not part.weight.any():
        part.weight.normal_(0.0, 0.02)
