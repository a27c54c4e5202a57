"""A captured network: a straight line of operator calls on tensors of fixed shapes, and its weights.

Every node gives exactly one tensor, nothing is mutated, nothing depends on data but the values of
tensors. That makes every prefix of the nodes a legal first half of the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from joulecut_core.decoding import show
from joulecut_core.networks import DTYPES, TensorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A network input or an earlier node's tensor, by name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A weight or another tensor that does not depend on the inputs, by its key in `Graph.constants`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementType:
    """An element type as an operator's argument; a key of joulecut_core.networks.DTYPES."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in DTYPES:
            raise ValueError(f"element type {show(self.name)}; expected one of {', '.join(sorted(DTYPES))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFormat:
    """A torch memory format as an operator's argument."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in MEMORY_FORMATS:
            raise ValueError(f"memory format {show(self.name)}; expected one of {', '.join(sorted(MEMORY_FORMATS))}")


MEMORY_FORMATS = frozenset({"contiguous_format", "preserve_format", "channels_last"})
"""The names of memory formats that a graph may hold."""

Argument: TypeAlias = (
    "Value | Constant | ElementType | MemoryFormat | tuple[Argument, ...] | bool | int | float | str | None"
)
"""Everything that may stand in an operator call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator call. `operator` is "aten.<name>.<overload>"; `module` the module path that made the call."""

    name: str
    operator: str
    arguments: tuple[Argument, ...]
    keywords: Mapping[str, Argument]
    output: TensorSpec
    module: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graph:
    """A network: nodes in an order in which they can run, output names, and constants by name.

    `outputs` name inputs or nodes. Constants are contiguous and own their memory. Equal by identity:
    comparing weights is the digest's work.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Tensor]

    def constant_specs(self) -> tuple[TensorSpec, ...]:
        """Name, element type and shape of each constant, by name."""
        return tuple(tensor_spec(name, self.constants[name]) for name in sorted(self.constants))

    def value_specs(self) -> dict[str, TensorSpec]:
        """The declared spec of each input and node, by name."""
        return {spec.name: spec for spec in (*self.inputs, *(node.output for node in self.nodes))}


def references(argument: Argument) -> Iterator[Value | Constant]:
    """The tensors that an argument refers to, in order, lists looked into."""
    if isinstance(argument, (Value, Constant)):
        yield argument
    elif isinstance(argument, tuple):
        for item in argument:
            yield from references(item)


def node_references(node: Node) -> tuple[Value | Constant, ...]:
    """The tensors that a node reads, in the order of its arguments."""
    return tuple(
        reference for argument in (*node.arguments, *node.keywords.values()) for reference in references(argument)
    )


def node_values(node: Node) -> tuple[str, ...]:
    """Names of the inputs and earlier nodes that a node reads."""
    return tuple(reference.name for reference in node_references(node) if isinstance(reference, Value))


def tensor_spec(name: str, tensor: Tensor) -> TensorSpec:
    """The spec of a tensor; raises ValueError where its element type may not cross a process border."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise ValueError(f"element type {dtype!r} of {name!r}; expected one of {', '.join(sorted(DTYPES))}")
    return TensorSpec(name=name, dtype=dtype, shape=tuple(int(size) for size in tensor.shape))
