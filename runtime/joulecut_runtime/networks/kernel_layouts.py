"""How kernels lay out what they give, where that differs from what torch says of tensors without memory.

Told wrongly, a tensor that crosses a link would be put back otherwise than the network whole has it, and what adds
it up would round differently.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch._prims_common import suggest_memory_format

_WITHOUT_GAPS = frozenset({"aten.log_sigmoid.default", "aten.max_pool1d.default", "aten.pow.Scalar"})
"""Kernels that write one row after the other, however their input lies."""
_BATCH_NORM = "aten.batch_norm.default"
"""Its kernel keeps channels last where they are, and otherwise writes one row after the other."""
_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def as_its_kernel_leaves_it(operator: str, result: Tensor, source: Tensor | None) -> Tensor:
    """A tensor without memory that lies as the operator's kernel leaves it; `source`: its parameter "input"."""
    if operator in _WITHOUT_GAPS:
        return result.contiguous()
    if operator == _BATCH_NORM and source is not None:
        return result.contiguous(memory_format=_format_of(source))
    return result


def _format_of(tensor: Tensor) -> torch.memory_format:
    last = _CHANNELS_LAST.get(tensor.dim())
    if last is not None and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=last):
        return last
    return suggest_memory_format(tensor)
