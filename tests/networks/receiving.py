"""What another machine makes of tensors that crossed a link."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def over_the_wire(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The tensors as another machine rebuilds them: the same values, contiguous."""
    return tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in tensors)
