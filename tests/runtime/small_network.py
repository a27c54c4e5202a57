"""A three-block network of pictures, small enough to run thousands of times: what measurements are tested on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from joulecut_core.networks import Block, Cut, CutTable, TensorSpec
from joulecut_core.workloads import Operation, OperationKind, Workload

Function = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]


@dataclass(slots=True, kw_only=True)
class SmallPart:
    """Some blocks of the network; counts how often it ran."""

    workload: Workload
    functions: tuple[Function, ...]
    runs: int = 0

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        self.runs += 1
        outputs = tuple(tensors)
        for function in self.functions:
            outputs = function(outputs)
        return outputs


@dataclass(slots=True, kw_only=True)
class SmallNetwork:
    """Picture uint8 [1, 3, 8, 8] -> features -> pooled, with a skip of the mean -> 10 logits.

    `flops`: floating-point operations of each block, as a device is to see them.
    """

    table: CutTable
    functions: tuple[Function, ...]
    parts: dict[tuple[int, int], SmallPart] = field(default_factory=dict)

    @property
    def whole(self) -> SmallPart:
        return self._part(0, 3)

    def head(self, cut: int) -> SmallPart:
        return self._part(0, cut)

    def tail(self, cut: int) -> SmallPart:
        return self._part(cut, 3)

    def steps(self) -> tuple[SmallPart, ...]:
        return tuple(self._part(block, block + 1) for block in range(3))

    def _part(self, begin: int, end: int) -> SmallPart:
        if (begin, end) not in self.parts:
            blocks = tuple(block.operations for block in self.table.blocks[begin:end])
            self.parts[begin, end] = SmallPart(workload=Workload(blocks=blocks), functions=self.functions[begin:end])
        return self.parts[begin, end]


def small_network(*, flops: tuple[float, float, float] = (4e8, 3e8, 1e8), digest: str = "sha256:small") -> SmallNetwork:
    """The network with fixed random weights."""
    generator = torch.Generator().manual_seed(7)
    kernel = torch.randn((4, 3, 3, 3), generator=generator)
    head = torch.randn((10, 5), generator=generator)

    def stem(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        picture = (tensors[0].float() - 127) / 128
        return torch.relu(torch.conv2d(picture, kernel, padding=1)), picture.mean(dim=(1, 2, 3)).reshape(1, 1)

    def pool(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (torch.cat((tensors[0][:, :, 3, 3], tensors[1]), dim=1),)

    def classify(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (tensors[0] @ head.t(),)

    picture = TensorSpec(name="picture", dtype="uint8", shape=(1, 3, 8, 8))
    features = TensorSpec(name="features", dtype="float32", shape=(1, 4, 8, 8))
    mean = TensorSpec(name="mean", dtype="float32", shape=(1, 1))
    pooled = TensorSpec(name="pooled", dtype="float32", shape=(1, 5))
    logits = TensorSpec(name="logits", dtype="float32", shape=(1, 10))
    names, crossing = ("input", "stem", "pool", "output"), ((picture,), (features, mean), (pooled,), ())
    kinds = (OperationKind.CONVOLUTION, OperationKind.CONVOLUTION, OperationKind.MATMUL)
    table = CutTable(
        network="small",
        digest=digest,
        inputs=(picture,),
        outputs=(logits,),
        cuts=tuple(Cut(index=k, name=names[k], tensors=crossing[k]) for k in range(4)),
        blocks=tuple(
            Block(
                index=k,
                name=f"block {k}",
                operations=(Operation(kind=kinds[k], flops=flops[k], size_bytes=flops[k] / 100),),
            )
            for k in range(3)
        ),
    )
    return SmallNetwork(table=table, functions=(stem, pool, classify))


def small_pictures(count: int) -> list[tuple[Tensor]]:
    """Random inputs of the network."""
    generator = torch.Generator().manual_seed(3)
    return [(torch.randint(0, 256, (1, 3, 8, 8), generator=generator).to(torch.uint8),) for _ in range(count)]


class Listener:
    """A progress sink that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, str]] = []

    def advance(self, done: int, total: int, what: str) -> None:
        self.told.append((done, total, what))
