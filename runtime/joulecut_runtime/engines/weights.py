"""Weights on one torch device in one precision, each moved once however many parts read it."""

from __future__ import annotations

import torch
from torch import Tensor

from joulecut_runtime.engines.engine import Precision


class Weights:
    """Copies of the weights of networks; a weight that needs no copy is shared with its network."""

    def __init__(self, torch_device: torch.device, precision: Precision) -> None:
        self._torch_device = torch_device
        self._dtype = precision.dtype
        # With the original, so that no other tensor can be given its id.
        self._moved: dict[int, tuple[Tensor, Tensor]] = {}

    def moved(self, weight: Tensor) -> Tensor:
        """The weight on the device: float32 in the precision's element type, others as they are.

        Finite values beyond that type's range become its largest.
        """
        if id(weight) not in self._moved:
            target = weight.to(self._torch_device)
            if weight.dtype == torch.float32 and self._dtype != torch.float32:
                target = _narrowed(target, self._dtype)
            self._moved[id(weight)] = (weight, target)
        return self._moved[id(weight)][1]


def _narrowed(weight: Tensor, dtype: torch.dtype) -> Tensor:
    # Attention masks hold float32's lowest number; as an infinity, whole rows of them would give NaN.
    most = torch.finfo(dtype).max
    return torch.where(weight.isinf(), weight, weight.clamp(-most, most)).to(dtype)
