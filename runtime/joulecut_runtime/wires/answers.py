"""What counts as one answer of a network, wherever answers are compared: a class, of each row or each pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_PICTURE_DIMENSIONS = 4


def answers(output: Tensor) -> Tensor:
    """The class of each answer in a network's output, in one row of int64.

    Classes lie along axis 1 of outputs of four and more dimensions, [batch, classes, height, width], as torch's losses
    have them, and along the last axis of all others. A picture of one channel has no classes there: of each of its
    rows the largest counts.
    """
    # Torch has no argmax of booleans.
    numbers = output.to(torch.uint8) if output.dtype == torch.bool else output
    return numbers.argmax(dim=_axis(output.shape)).reshape(-1)


def has_answers(shape: Sequence[int]) -> bool:
    """Whether answers of an output of this shape can differ: of a single score, a regression's, nobody can tell."""
    return len(shape) > 0 and shape[_axis(shape)] > 1


def _axis(shape: Sequence[int]) -> int:
    return 1 if len(shape) >= _PICTURE_DIMENSIONS and shape[1] > 1 else -1
