"""A network as planners and agents see it: candidate cuts and the blocks between them. No weights here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulecut_core.workloads import Operation

_ELEMENT_BYTES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "float16": 2,
    "bfloat16": 2,
    "int16": 2,
    "float32": 4,
    "int32": 4,
    "float64": 8,
    "int64": 8,
}
DTYPES = frozenset(_ELEMENT_BYTES)
"""The element types that may cross a process border."""

MAX_RANK = 16
"""Dimensions that a tensor of a network has at most."""

MAX_CROSSING_TENSORS = 256
MAX_CROSSING_BYTES = 256 << 20
"""What one message between two parts of a network carries at most, as tensors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """Name, element type (a key of DTYPES) and shape of a tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of the tensor, contiguous."""
        return self.elements * _ELEMENT_BYTES[self.dtype]

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A candidate cut: everything before it runs on the edge, the rest on the server.

    `tensors` cross the link. Cut 0 sends the network's inputs; the last cut sends nothing.
    `name` is the module path a person recognises ("input", "blocks.3", ..., "output").
    """

    index: int
    name: str
    tensors: tuple[TensorSpec, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes that cross, uncompressed."""
        return sum(tensor.size_bytes for tensor in self.tensors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The stretch of a network between candidate cuts `index` and `index + 1`."""

    index: int
    name: str
    operations: tuple[Operation, ...]

    @property
    def flops(self) -> float:
        """Floating-point operations."""
        return sum(operation.flops for operation in self.operations)

    @property
    def size_bytes(self) -> float:
        """Bytes read plus written."""
        return sum(operation.size_bytes for operation in self.operations)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutTable:
    """All candidate cuts of one network and the blocks between them.

    `cuts[0]` is before the first block, `cuts[-1]` after the last, so there is one block fewer than cuts.
    `digest` identifies graph, weights and specs ("sha256:" + hex).
    """

    network: str
    digest: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    cuts: tuple[Cut, ...]
    blocks: tuple[Block, ...]

    def __post_init__(self) -> None:
        if len(self.cuts) != len(self.blocks) + 1 or len(self.cuts) < 2:
            raise ValueError(f"{len(self.cuts)} cuts and {len(self.blocks)} blocks; expected one block fewer than cuts")

    @property
    def last(self) -> int:
        """Index of the cut that leaves everything on the edge."""
        return len(self.cuts) - 1
