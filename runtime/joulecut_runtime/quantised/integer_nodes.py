"""Which operators of a network compute in integers, decided once on the whole network, so that parts agree.

- Convolutions and linear layers with constant weights (*kernels*), an activation that only reads them included:
  a ReLU is a zero point of 0, a ReLU6 moreover a range that ends at 6, since whole numbers saturate there.
- Sums, products and concatenations of what those give (*joins*), likewise with a ReLU that only reads them.
- What only moves or picks such numbers (*passes*): reshapes, zero padding, maximum pooling. They keep the scale.

All else stays in floating point, and so does a kernel that makes an answer of the network: 256 steps for a
thousand logits would make ties of what full precision tells apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.graph import Argument, Constant, Graph, Node, Value, node_values
from joulecut_runtime.networks.signatures import bind

KERNELS: Mapping[str, int] = {"aten.conv2d.default": 4, "aten.linear.default": 2}
"""Operator -> dimensions of its weight."""
JOINS = frozenset({"aten.add.Tensor", "aten.mul.Tensor", "aten.cat.default"})
PASSES = frozenset({"aten.reshape.default", "aten.pad.default", "aten.max_pool2d.default"})
_PICTURE_DIMENSIONS = 4
"""The integer convolution takes no picture without its batch."""
RECTIFIERS = frozenset({"aten.relu.default", "aten.hardtanh.default"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerNodes:
    """The choice: see `joulecut_runtime.quantised.scales.Scales` for `integer` and `kernels`.

    `measured`: value -> the greatest that it may be (infinity for no bound), for those whose range is to be observed.
    `shared`: value -> the value whose scale it has, for passes.
    """

    integer: Mapping[str, str]
    kernels: tuple[str, ...]
    measured: Mapping[str, float]
    shared: Mapping[str, str]


def integer_nodes(graph: Graph) -> IntegerNodes:
    """What of the network is to compute in integers."""
    return _Choice(graph).made()


class _Choice:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._specs: dict[str, TensorSpec] = graph.value_specs()
        readers = Counter(name for node in graph.nodes for name in set(node_values(node)))
        self._only_reader = {name: node for node in graph.nodes for name in node_values(node) if readers[name] == 1}
        self._integer: dict[str, str] = {}
        self._kernels: list[str] = []
        self._measured: dict[str, float] = {}
        self._shared: dict[str, str] = {}
        self._whole: set[str] = set()

    def made(self) -> IntegerNodes:
        for node in self._graph.nodes:
            if node.operator in KERNELS:
                self._kernel(node)
            elif node.operator in JOINS:
                self._join(node)
            elif node.operator in PASSES:
                self._pass(node)
        return IntegerNodes(
            integer=self._integer, kernels=tuple(self._kernels), measured=self._measured, shared=self._shared
        )

    def _kernel(self, node: Node) -> None:
        bound = bind(node)
        source, weight, bias = bound["input"], bound["weight"], bound.get("bias")
        gives, most = self._rectified(node)
        if not isinstance(source, Value) or self._specs[source.name].dtype != "float32" or not self._may(gives):
            return
        if not self._is_weight(weight, KERNELS[node.operator]) or not (bias is None or self._is_weight(bias, 1)):
            return
        if isinstance(bound.get("padding"), str):
            return
        if node.operator == "aten.conv2d.default" and len(self._specs[source.name].shape) != _PICTURE_DIMENSIONS:
            return
        if source.name not in self._whole:
            self._measured.setdefault(source.name, math.inf)
        self._kernels.append(node.name)
        self._take(node, gives, most)

    def _join(self, node: Node) -> None:
        bound = bind(node)
        operands = bound["tensors"] if "tensors" in bound else (bound["self"], bound["other"])
        gives, most = self._rectified(node)
        if not self._are_whole(operands) or bound.get("alpha", 1) != 1 or not self._may(gives):
            return
        is_picked_apart = "tensors" not in bound and len({self._specs[name].shape for name in node_values(node)}) > 1
        if not is_picked_apart:
            self._take(node, gives, most)

    def _pass(self, node: Node) -> None:
        bound = bind(node)
        source = bound.get("self", bound.get("input"))
        if not self._are_whole((source,)) or not isinstance(source, Value):
            return
        if node.operator == "aten.pad.default" and not is_zero_padding(bound):
            return
        self._shared[node.name] = self._shared.get(source.name, source.name)
        self._integer[node.name] = node.name
        self._whole.add(node.name)

    def _take(self, node: Node, gives: str, most: float) -> None:
        self._integer[node.name] = gives
        self._measured[gives] = most
        self._whole.add(gives)

    def _rectified(self, node: Node) -> tuple[str, float]:
        """The value that a node gives with the activation that alone reads it, and the greatest it may be."""
        reader = self._only_reader.get(node.name)
        if reader is None or reader.operator not in RECTIFIERS or node.name in self._graph.outputs:
            return node.name, math.inf
        if reader.operator == "aten.relu.default":
            return reader.name, math.inf
        bound = bind(reader)
        low, high = bound.get("min_val", -1), bound.get("max_val", 1)
        if low == 0 and isinstance(high, (int, float)) and high > 0:
            return reader.name, float(high)
        return node.name, math.inf

    def _may(self, gives: str) -> bool:
        return gives not in self._graph.outputs and self._specs[gives].dtype == "float32"

    def _are_whole(self, operands: Argument) -> bool:
        return isinstance(operands, tuple) and all(
            isinstance(operand, Value) and operand.name in self._whole for operand in operands
        )

    def _is_weight(self, argument: Argument, dimensions: int) -> bool:
        if not isinstance(argument, Constant):
            return False
        tensor: Tensor = self._graph.constants[argument.name]
        return tensor.dim() == dimensions and str(tensor.dtype) == "torch.float32"


def weight_of(kernel: Node) -> str:
    """The name of the constant that is a kernel's weight."""
    return cast("Constant", bind(kernel)["weight"]).name


def is_zero_padding(bound: Mapping[str, object]) -> bool:
    """Whether a pad's arguments add zeros around a tensor: zero is a whole number in every scale."""
    sizes, value = bound["pad"], bound.get("value")
    return (
        bound.get("mode", "constant") == "constant"
        and (value is None or value == 0)
        and isinstance(sizes, tuple)
        and all(isinstance(size, int) and size >= 0 for size in sizes)
    )
