"""Page-locked host memory through which tensors travel to a device: kept from run to run, within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

_MIB = 2**20

Allocate: TypeAlias = "Callable[[Tensor], Tensor]"
"""Makes an empty tensor in the host's memory, shaped and laid out as the one given."""


class StagingBuffers:
    """One buffer per position, shape, layout and element type; those longest unused go first.

    Allocating page-locked memory takes the driver a millisecond, which is why they are kept. What is kept
    never exceeds `most_bytes`; a larger tensor gets a buffer of its own that is not kept.
    """

    def __init__(self, allocate: Allocate, *, most_bytes: int = 256 * _MIB) -> None:
        self._allocate = allocate
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[int, torch.Size, tuple[int, ...], torch.dtype], Tensor] = OrderedDict()
        self._kept_bytes = 0

    @property
    def kept_bytes(self) -> int:
        """Bytes in buffers that are kept."""
        return self._kept_bytes

    def buffer(self, position: int, like: Tensor) -> Tensor:
        """The buffer of a part's input `position` for tensors like this one; holds what was last put there."""
        key = (position, like.shape, like.stride(), like.dtype)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        buffer = self._allocate(like)
        if buffer.nbytes <= self._most_bytes:
            self._kept_bytes += buffer.nbytes
            while self._kept_bytes > self._most_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._kept_bytes -= dropped.nbytes
            self._kept[key] = buffer
        return buffer
