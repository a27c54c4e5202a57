"""Walks a graph with tensors that have shapes but no memory, before anything is allocated or run.

A whitelisted operator can still ask for terabytes: every node's result must be what the graph
declares for it and stay within bounds. The walk also tells how each tensor lies in memory, which
decides where the network may be cut without changing a bit of its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from joulecut_core.decoding import show
from joulecut_core.errors import BundleError
from joulecut_core.networks import MAX_RANK, TensorSpec
from joulecut_core.workloads import Operation
from joulecut_runtime.capturing.torch_chatter import silent_loggers
from joulecut_runtime.networks.graph import (
    Argument,
    Constant,
    Graph,
    Node,
    Value,
    node_references,
    references,
    tensor_spec,
)
from joulecut_runtime.networks.kernel_layouts import as_its_kernel_leaves_it
from joulecut_runtime.networks.operator_costs import Call
from joulecut_runtime.networks.operators import COPYING_RESHAPE, OPERATORS, Operator
from joulecut_runtime.networks.recurrent_shapes import is_recurrent, recurrent_result
from joulecut_runtime.networks.signatures import bind, call_arguments, to_torch

_GIB = 2**30
_LONGEST_REASON = 160
_SHAPED_BY_CONTENT = "aten.pixel_unshuffle.default"
"""Its kernel gives another shape than the one it is known by where a tensor has no elements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a bundle may ask for. Sizes in bytes; activations are summed over all nodes.

    `max_references`: how often the nodes may name a tensor, all together; `max_references_of_a_node` one of them.

    `max_scratch_bytes`: what one operator's kernel may hold while it runs, on top of what it reads and gives.
    """

    max_tensor_bytes: int = _GIB
    max_activation_bytes: int = 64 * _GIB
    max_scratch_bytes: int = 64 * _GIB
    max_weights_bytes: int = 16 * _GIB
    max_graph_bytes: int = _GIB // 16
    max_nodes: int = 50_000
    max_references: int = 200_000
    max_references_of_a_node: int = 4096
    max_dimensions: int = MAX_RANK


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a value lies in memory: strides in elements.

    `packed` tells that it fills a memory of its own without gaps, so that its bytes and its strides
    are all there is to know about it.
    """

    strides: tuple[int, ...]
    packed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """What the walk found: each input's and node's layout, each node's operator rule and what it asks of a device."""

    layouts: Mapping[str, Layout]
    operators: Mapping[str, Operator]
    operations: Mapping[str, Operation]


def walk(graph: Graph, limits: Limits | None = None) -> Tour:
    """Run the graph on shapes alone.

    Raises BundleError naming the node where a call is malformed, refers to something unknown, gives
    another tensor than declared, or goes beyond the limits.
    """
    limits = limits or Limits()
    if len(graph.nodes) > limits.max_nodes:
        raise BundleError(f"the graph has {len(graph.nodes)} nodes; expected at most {limits.max_nodes}")
    _check_references(graph, limits)
    # Fallback kernels would run the real operator on real memory.
    mode = FakeTensorMode(allow_fallback_kernels=False, allow_non_fake_inputs=False)
    with silent_loggers(), mode, torch.no_grad():
        return _Walker(graph, limits).walk()


class _Walker:
    def __init__(self, graph: Graph, limits: Limits) -> None:
        self._graph = graph
        self._limits = limits
        self._tensors: dict[Value | Constant, Tensor] = {}
        self._layouts: dict[str, Layout] = {}
        self._operators: dict[str, Operator] = {}
        self._operations: dict[str, Operation] = {}
        self._activation_bytes = 0

    def walk(self) -> Tour:
        for spec in self._graph.constant_specs():
            self._check_spec(f"constant {spec.name}", spec)
            self._tensors[Constant(name=spec.name)] = _empty(spec)
        for spec in self._graph.inputs:
            self._check_spec(f"input {spec.name}", spec)
            self._keep(spec.name, _empty(spec))
        for node in self._graph.nodes:
            self._visit(node)
        for name in self._graph.outputs:
            if Value(name=name) not in self._tensors:
                raise BundleError(f"output {show(name)} is neither an input nor a node; fetch or pack the bundle again")
        if not self._graph.outputs or not self._graph.inputs or not self._graph.nodes:
            raise BundleError("the graph has no inputs, nodes or outputs; expected at least one of each")
        return Tour(layouts=self._layouts, operators=self._operators, operations=self._operations)

    def _visit(self, node: Node) -> None:
        where = f"node {node.name} ({node.operator})"
        self._check_spec(where, node.output)
        arguments = bind(node)
        for reference in node_references(node):
            if reference not in self._tensors:
                raise BundleError(f"{where}: reads {show(reference.name)}, which is not defined before it")
        try:
            result = self._result(node, arguments)
        except Exception as cause:  # shape rules raise whatever they like on arguments that do not fit
            raise BundleError(f"{where}: does not fit its inputs: {_first_line(cause)}") from cause
        if not isinstance(result, Tensor):
            raise BundleError(f"{where}: gives {type(result).__name__}; expected one tensor")
        if node.operator == _SHAPED_BY_CONTENT and not result.numel():
            raise BundleError(f"{where}: has nothing to move; expected a tensor with elements")
        declared, actual = node.output, _spec_of(where, node.name, result)
        if actual != declared:
            raise BundleError(f"{where}: gives {actual}; the bundle declares {declared}")
        self._activation_bytes += actual.size_bytes
        if self._activation_bytes > self._limits.max_activation_bytes:
            raise BundleError(
                f"{where}: activations sum up to {self._activation_bytes} bytes; "
                f"expected at most {self._limits.max_activation_bytes}"
            )
        read = {name: self._specs(where, argument) for name, argument in arguments.items()}
        self._cost(where, node, Call(output=node.output, read=read, arguments=arguments))
        self._keep(node.name, result)

    def _result(self, node: Node, arguments: Mapping[str, Argument]) -> object:
        if is_recurrent(node.operator):
            given = {name: to_torch(argument, self._tensors) for name, argument in arguments.items()}
            return recurrent_result(node.operator, given)
        function, positional, keywords = call_arguments(node, self._tensors)
        result = function(*positional, **keywords)
        source = to_torch(arguments.get("input"), self._tensors)
        return as_its_kernel_leaves_it(node.operator, result, source if isinstance(source, Tensor) else None)

    def _keep(self, name: str, tensor: Tensor) -> None:
        value = Value(name=name)
        if value in self._tensors:
            raise BundleError(f"two values are called {show(name)}; expected unique names")
        self._tensors[value] = tensor
        strides = tuple(int(stride) for stride in tensor.stride())
        packed = tensor.storage_offset() == 0 and _without_gaps(tuple(tensor.shape), strides)
        self._layouts[name] = Layout(strides=strides, packed=packed)

    def _specs(self, where: str, argument: Argument) -> tuple[TensorSpec, ...]:
        return tuple(_spec_of(where, each.name, self._tensors[each]) for each in references(argument))

    def _cost(self, where: str, node: Node, call: Call) -> None:
        try:
            rule = _rule(node, call.arguments.get("self"), self._tensors)
            numbers = rule.scratch(call)
            operation = rule.operation(call)
        except Exception as cause:  # rules count on arguments as torch takes them
            raise BundleError(f"{where}: cannot be told what it asks of a device: {_first_line(cause)}") from cause
        self._operators[node.name] = rule
        self._operations[node.name] = operation
        # A kernel may hold them in double precision.
        if 8 * numbers > self._limits.max_scratch_bytes:
            raise BundleError(
                f"{where}: its kernel may hold {numbers:.3g} numbers while it runs; "
                f"expected at most {self._limits.max_scratch_bytes // 8}"
            )

    def _check_spec(self, where: str, spec: TensorSpec) -> None:
        most = self._limits.max_dimensions
        if min(spec.shape, default=0) < 0 or len(spec.shape) > most:
            raise BundleError(f"{where}: shape {list(spec.shape)}; expected at most {most} sizes, none negative")
        # A tensor without elements has no bytes however long its other sizes are.
        size_bytes = max((spec.size_bytes, *spec.shape))
        if size_bytes > self._limits.max_tensor_bytes:
            raise BundleError(
                f"{where}: {show(str(spec))} takes {size_bytes} bytes; expected at most {self._limits.max_tensor_bytes}"
            )


def _check_references(graph: Graph, limits: Limits) -> None:
    total = 0
    for node in graph.nodes:
        count = len(node_references(node))
        total += count
        if count > limits.max_references_of_a_node:
            most = limits.max_references_of_a_node
            raise BundleError(f"node {node.name} ({node.operator}): reads {count} tensors; expected at most {most}")
    if total > limits.max_references:
        raise BundleError(f"the nodes read {total} tensors all together; expected at most {limits.max_references}")


def _rule(node: Node, source: object, tensors: Mapping[Value | Constant, Tensor]) -> Operator:
    if node.operator == "aten.reshape.default" and isinstance(source, (Value, Constant)):
        try:
            tensors[source].view(node.output.shape)
        # Tensors without memory complain otherwise than those with.
        except (RuntimeError, ValueError):
            return COPYING_RESHAPE
    return OPERATORS[node.operator]


def _empty(spec: TensorSpec) -> Tensor:
    return torch.empty(spec.shape, dtype=getattr(torch, spec.dtype))


def _spec_of(where: str, name: str, tensor: Tensor) -> TensorSpec:
    try:
        return tensor_spec(name, tensor)
    except ValueError as cause:
        raise BundleError(f"{where}: {cause}") from cause


def _without_gaps(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    if 0 in shape:
        return False
    expected = 1
    for stride, size in sorted((stride, size) for stride, size in zip(strides, shape, strict=True) if size > 1):
        if stride != expected:
            return False
        expected *= size
    return True


def _first_line(cause: Exception) -> str:
    lines = str(cause).strip().splitlines()
    line = lines[0] if lines else "no reason given"
    return f"{type(cause).__name__}: {line if len(line) <= _LONGEST_REASON else f'{line[:_LONGEST_REASON]}...'}"
