"""A network as a graph of blocks: what planners need to cut it at any place, not only between two blocks of a line.

A *closed set* of blocks holds with each block all that the block depends on. It is what an edge can run
before anything crosses; the rest is the server's part. A line's closed sets are its prefixes; where branches
run side by side there are more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from joulecut_core.workloads import Operation

INPUT = -1
"""The producer of tensors that are given to the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphBlock:
    """A stretch of a network that one side runs in one piece. Names are unique within a graph."""

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
class GraphTensor:
    """A tensor between blocks, uncompressed: who makes it, who reads it, and whether the network answers with it.

    `producer` is a block's index, or INPUT. `consumers` are ascending block indices.
    """

    name: str
    producer: int
    consumers: tuple[int, ...]
    size_bytes: int
    leaves: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockGraph:
    """Blocks in an order in which they can run, and every tensor that passes from one to another, in or out.

    Raises ValueError where a tensor is read before it is made, names an unknown block or repeats a name.
    """

    network: str
    blocks: tuple[GraphBlock, ...]
    tensors: tuple[GraphTensor, ...]

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ValueError("blocks: empty; expected at least one")
        _check_unique("blocks", [block.name for block in self.blocks])
        _check_unique("tensors", [tensor.name for tensor in self.tensors])
        for tensor in self.tensors:
            _check_tensor(tensor, len(self.blocks))
        if not any(tensor.leaves for tensor in self.tensors):
            raise ValueError("tensors: none leaves the network; expected at least one answer")

    @property
    def everything(self) -> frozenset[int]:
        """All blocks: the closed set that leaves nothing to the server."""
        return frozenset(range(len(self.blocks)))

    @property
    def reply_bytes(self) -> int:
        """Bytes of the network's answer."""
        return sum(tensor.size_bytes for tensor in self.tensors if tensor.leaves)

    def dependencies(self) -> tuple[frozenset[int], ...]:
        """For each block the blocks whose tensors it reads."""
        found: list[set[int]] = [set() for _ in self.blocks]
        for tensor in self.tensors:
            if tensor.producer != INPUT:
                for consumer in tensor.consumers:
                    found[consumer].add(tensor.producer)
        return tuple(map(frozenset, found))

    def is_closed(self, blocks: Iterable[int]) -> bool:
        """Whether some blocks, in range, hold with each all that it depends on."""
        inside = frozenset(blocks)
        before = self.dependencies()
        return inside <= self.everything and all(before[block] <= inside for block in inside)

    def crossing(self, blocks: frozenset[int]) -> tuple[GraphTensor, ...]:
        """The tensors that a server needs to run all but `blocks`, a closed set; each once.

        Answers that the edge has already made cross too: the server sends the whole answer back. The
        empty set sends every input, needed or not, and the set of all blocks nothing.
        Raises ValueError where the set is not closed.
        """
        if not self.is_closed(blocks):
            raise ValueError(f"blocks {sorted(blocks)} of {self.network}; expected a set closed under dependencies")
        if not blocks:
            return tuple(tensor for tensor in self.tensors if tensor.producer == INPUT)
        if blocks == self.everything:
            return ()
        return tuple(
            tensor
            for tensor in self.tensors
            if (tensor.producer == INPUT or tensor.producer in blocks)
            and (tensor.leaves or not blocks.issuperset(tensor.consumers))
        )


def _check_unique(path: str, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"{path}[{index}].name: {name!r} a second time; expected unique names")


def _check_tensor(tensor: GraphTensor, blocks: int) -> None:
    if not INPUT <= tensor.producer < blocks:
        raise ValueError(f"tensor {tensor.name!r}: producer {tensor.producer}; expected {INPUT} to {blocks - 1}")
    if tensor.size_bytes < 0:
        raise ValueError(f"tensor {tensor.name!r}: {tensor.size_bytes} bytes; expected at least 0")
    if list(tensor.consumers) != sorted(set(tensor.consumers)):
        raise ValueError(f"tensor {tensor.name!r}: consumers {tensor.consumers}; expected ascending, each once")
    if tensor.consumers and not (tensor.producer < tensor.consumers[0] and tensor.consumers[-1] < blocks):
        raise ValueError(
            f"tensor {tensor.name!r}: consumers {tensor.consumers}; expected blocks after its producer "
            f"{tensor.producer}, below {blocks}"
        )
