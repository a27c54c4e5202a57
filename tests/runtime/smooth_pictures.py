"""Pictures as a camera gives them: JPEG is about those, not about noise."""

from __future__ import annotations

import torch
from torch import Tensor


def picture(height: int = 12, width: int = 20, count: int = 1, seed: int = 0) -> Tensor:
    """Smooth colour gradients, uint8 [count, 3, height, width]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 3, 3), generator=generator) * 255
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=True)
    return smooth.to(torch.uint8)
