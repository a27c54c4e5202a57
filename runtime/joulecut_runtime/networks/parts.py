"""A part of a network that runs by itself: the whole, a head, a tail, or one block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, fx, nn

from joulecut_core.errors import ContractError
from joulecut_core.networks import TensorSpec
from joulecut_core.workloads import Workload
from joulecut_runtime.networks.graph import Constant, Graph, Node, Value, node_references
from joulecut_runtime.networks.operators import resolve
from joulecut_runtime.networks.shapes import Layout
from joulecut_runtime.networks.signatures import to_torch

if TYPE_CHECKING:
    from torch.fx.node import Argument as FxArgument

VALUE_NAME = "value"
"""Key of a compiled node's `meta` under which the graph's name of its value stands."""
_ALIGNMENT_BYTES = 64
"""What torch's own allocations are aligned to. Some CPU kernels round differently on memory that is not."""


class Part:
    """A stretch of a graph, compiled. Call it with tensors of its `inputs`; it gives those of its `outputs`.

    Weights are shared with the graph, not copied. Safe to call from several threads.
    """

    def __init__(
        self,
        *,
        name: str,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        workload: Workload,
        layouts: Mapping[str, Layout],
        module: fx.GraphModule,
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.workload = workload
        self.strides = tuple(layouts[spec.name].strides for spec in inputs)
        """How each input must lie in memory, in elements."""
        self.module = module
        """The operators and weights, from tensors to tensors. Shared: not to be changed."""
        self._run = cast("Callable[..., tuple[Tensor, ...]]", module)

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Run the part. Results are the same to the bit wherever the tensors lie in memory.

        `tensors` must fit `inputs` (see `check_inputs`).
        """
        with torch.inference_mode():
            return self._run(*map(laid_out, tensors, self.strides))

    def __repr__(self) -> str:
        return f"Part({self.name!r}, {len(self.workload.operations)} operations)"

    def buffers(self) -> tuple[Tensor, ...]:
        """The weights that the part reads."""
        return tuple(self.module.buffers())

    def check_inputs(self, tensors: Sequence[Tensor]) -> None:
        """Raise ContractError where number, element type or shape of the tensors is not that of `inputs`."""
        if len(tensors) != len(self.inputs):
            raise ContractError(f"{self.name} was given {len(tensors)} tensors; expected {len(self.inputs)}")
        for spec, tensor in zip(self.inputs, tensors, strict=True):
            dtype, shape = str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)
            if (dtype, shape) != (spec.dtype, spec.shape):
                actual = TensorSpec(name=spec.name, dtype=dtype, shape=shape)
                raise ContractError(f"{self.name} was given {actual} for {spec.name!r}; expected {spec}")


def compile_nodes(
    graph: Graph, nodes: Sequence[Node], inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> fx.GraphModule:
    """The nodes as one Python function from `inputs` to `outputs`, intermediate tensors freed early."""
    root = nn.Module()
    program = fx.Graph()
    known: dict[Value | Constant, fx.Node] = {}
    for index, spec in enumerate(inputs):
        known[Value(name=spec.name)] = program.placeholder(f"input_{index}")
    for node in nodes:
        for reference in node_references(node):
            if isinstance(reference, Constant) and reference not in known:
                attribute = f"constant_{len(known)}"
                root.register_buffer(attribute, graph.constants[reference.name])
                known[reference] = program.get_attr(attribute)
        arguments = tuple(cast("FxArgument", to_torch(argument, known)) for argument in node.arguments)
        keywords = {key: cast("FxArgument", to_torch(argument, known)) for key, argument in node.keywords.items()}
        call = program.call_function(resolve(node.operator), arguments, keywords)
        call.meta[VALUE_NAME] = node.name
        known[Value(name=node.name)] = call
    program.output(tuple(known[Value(name=spec.name)] for spec in outputs))
    program.lint()
    return fx.GraphModule(root, program)


def laid_out(tensor: Tensor, strides: tuple[int, ...]) -> Tensor:
    """The tensor where it lies in memory with these strides (in elements) and aligned, else a copy that does."""
    if tensor.stride() == strides and tensor.data_ptr() % _ALIGNMENT_BYTES == 0:
        return tensor
    return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype, device=tensor.device).copy_(tensor)
