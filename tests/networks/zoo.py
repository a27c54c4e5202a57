"""Well-known networks with random weights, built without downloads, and inputs for them.

torchvision's CPU build lacks two operator schemas that its import asks for; they are declared here
first. transformers looks for torchvision when imported, so it comes after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

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
    if not hasattr(torch.ops.torchvision, "nms"):
        _missing_operators()
    return pytest.importorskip("torchvision.models", reason="torchvision is not installed (see the Makefile)")


def _transformers() -> Any:
    _vision_models()
    return pytest.importorskip("transformers", reason="transformers is not installed")


def _vision(name: str, size: int = 224, **options: object) -> Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]:
    def build() -> tuple[nn.Module, tuple[Tensor, ...]]:
        module: nn.Module = getattr(_vision_models(), name)(weights=None, **options)
        return module, (torch.randn(1, 3, size, size),)

    return build


def _bert() -> tuple[nn.Module, tuple[Tensor, ...]]:
    transformers = _transformers()
    model = transformers.BertModel(transformers.BertConfig(use_cache=False))
    return LanguageModel(model), (torch.randint(0, 30_000, (1, 32)),)


def _gpt2() -> tuple[nn.Module, tuple[Tensor, ...]]:
    transformers = _transformers()
    model = transformers.GPT2Model(transformers.GPT2Config(use_cache=False))
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
NAMES: Sequence[str] = tuple(_BUILDERS)
"""The networks on offer."""


def build(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A network in evaluation mode and inputs for it; skips the test where its library is missing."""
    torch.manual_seed(11)
    module, inputs = _BUILDERS[name]()
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
