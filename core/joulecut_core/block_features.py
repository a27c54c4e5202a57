"""What a block asks of a device, as numbers that a power model can learn from.

Measuring needs torch and hardware, learning needs neither: these are the words the two share.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from joulecut_core.workloads import Operation, OperationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class KindWork:
    """All operations of one kind in a block: how many, their arithmetic, and the bytes they read and write."""

    kind: OperationKind
    operations: int
    flops: float
    size_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFeatures:
    """One block: its work by kind, and what goes in and comes out.

    `kinds` hold each kind at most once, views not at all: they launch nothing. `input_bytes` are those of the cut
    before the block, `output_bytes` those of the tensors it makes for later, `output_shape` the shape of the largest
    of these. `weight_bytes`: constants it reads. Raises ValueError where a size is negative or a kind repeats.
    """

    name: str
    batch: int
    kinds: tuple[KindWork, ...]
    input_bytes: int
    output_bytes: int
    output_shape: tuple[int, ...]
    weight_bytes: int

    def __post_init__(self) -> None:
        kinds = [work.kind for work in self.kinds]
        if len(set(kinds)) != len(kinds):
            raise ValueError(f"block {self.name!r}: kinds {[kind.value for kind in kinds]}; expected each at most once")
        sizes = (self.input_bytes, self.output_bytes, self.weight_bytes, *self.output_shape)
        if self.batch < 1 or min(sizes) < 0:
            raise ValueError(
                f"block {self.name!r}: batch {self.batch}, sizes {sizes}; expected a batch of at least 1 and no "
                "negative size"
            )
        if any(min(work.operations, work.flops, work.size_bytes) < 0 for work in self.kinds):
            raise ValueError(f"block {self.name!r}: negative work {self.kinds}; expected at least 0 of everything")

    @property
    def operations(self) -> int:
        """Operations that launch something."""
        return sum(work.operations for work in self.kinds)

    @property
    def flops(self) -> float:
        """Floating-point operations."""
        return sum(work.flops for work in self.kinds)

    @property
    def size_bytes(self) -> float:
        """Bytes read plus written."""
        return sum(work.size_bytes for work in self.kinds)


def work_by_kind(operations: Iterable[Operation]) -> tuple[KindWork, ...]:
    """The work of some operations, one entry per kind that is there, views left out, in the order of the kinds."""
    by_kind: dict[OperationKind, list[Operation]] = {}
    for operation in operations:
        by_kind.setdefault(operation.kind, []).append(operation)
    return tuple(
        KindWork(
            kind=kind,
            operations=len(by_kind[kind]),
            flops=sum(operation.flops for operation in by_kind[kind]),
            size_bytes=sum(operation.size_bytes for operation in by_kind[kind]),
        )
        for kind in OperationKind
        if kind in by_kind and kind is not OperationKind.VIEW
    )
