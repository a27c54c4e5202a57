"""What a piece of work asks of a device: operations with their arithmetic and memory traffic.

Real devices only time a workload; an emulated one paces the computation from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class OperationKind(str, Enum):
    """Classes of operations that differ in how far from peak a GPU runs them."""

    CONVOLUTION = "convolution"
    DEPTHWISE = "depthwise"
    MATMUL = "matmul"
    NORMALISATION = "normalisation"
    ELEMENTWISE = "elementwise"
    REDUCTION = "reduction"
    COPY = "copy"
    VIEW = "view"
    """Touches no data and launches nothing."""
    HOST_CAST = "host-cast"
    """A wire codec's pass over a tensor on the host's CPU (fp16, 8-bit)."""
    HOST_JPEG_ENCODE = "host-jpeg-encode"
    HOST_JPEG_DECODE = "host-jpeg-decode"

    @property
    def on_host(self) -> bool:
        """Whether the host's CPU does this, while the GPU waits."""
        return self.value.startswith("host-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kernel (or one codec pass): its kind, floating-point operations, and bytes read plus written."""

    kind: OperationKind
    flops: float
    size_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A sequence of blocks, each a sequence of operations run back to back.

    `speed_up`: how many times as fast as full precision an emulated device runs them, at the same watts: what is
    assumed of a precision that it cannot compute in. Real devices are as fast as they are.
    """

    blocks: tuple[tuple[Operation, ...], ...]
    speed_up: float = 1.0

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All operations in order."""
        return tuple(operation for block in self.blocks for operation in block)

    @property
    def flops(self) -> float:
        """Floating-point operations in all."""
        return sum(operation.flops for operation in self.operations)

    @property
    def size_bytes(self) -> float:
        """Bytes read plus written in all."""
        return sum(operation.size_bytes for operation in self.operations)
