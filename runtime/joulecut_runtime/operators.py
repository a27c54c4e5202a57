"""The operators a network may consist of: nothing else is captured, nothing else is loaded.

Each is functional (mutates nothing), deterministic and gives one tensor. The few arguments that would
break this are pinned to one value. With each comes what it asks of a device: its kind, its
floating-point operations and the bytes it moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import torch
from torch._ops import OpOverload

from joulecut_core.errors import BundleError
from joulecut_core.networks import TensorSpec
from joulecut_core.workloads import Operation, OperationKind
from joulecut_runtime.graph import Argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operator call as its cost rule sees it: the tensors it reads in order, and its plain arguments."""

    output: TensorSpec
    tensors: tuple[TensorSpec, ...]
    arguments: Mapping[str, Argument]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One whitelisted operator.

    `flops` counts a multiply-add as two. `sparse_reads` tells that only as many bytes of the first
    tensor are read as are written (a look-up in a table). `pinned` arguments may hold that value only.
    """

    kind: OperationKind
    flops: Callable[[Call], float]
    sparse_reads: bool = False
    pinned: Mapping[str, Argument] = field(default_factory=dict)

    def operation(self, call: Call) -> Operation:
        """Kind, arithmetic and traffic of one call."""
        kind = self.kind
        if kind is OperationKind.CONVOLUTION and _is_depthwise(call):
            kind = OperationKind.DEPTHWISE
        if kind is OperationKind.VIEW:
            return Operation(kind=kind, flops=0.0, size_bytes=0.0)
        read_bytes = [tensor.size_bytes for tensor in call.tensors]
        if self.sparse_reads and read_bytes:
            read_bytes[0] = min(read_bytes[0], call.output.size_bytes)
        return Operation(kind=kind, flops=self.flops(call), size_bytes=float(sum(read_bytes) + call.output.size_bytes))


def resolve(name: str) -> OpOverload:
    """The torch operator behind a whitelisted name ("aten.relu.default").

    Raises BundleError where the name is not on the whitelist or this torch does not have it.
    """
    if name not in OPERATORS:
        raise BundleError(f"operator {name!r} is not one that joulecut runs; pack the network with this version again")
    return _overload(name)


@cache
def _overload(name: str) -> OpOverload:
    namespace, packet, overload = name.split(".")
    try:
        found = getattr(getattr(getattr(torch.ops, namespace), packet), overload)
    except AttributeError as cause:
        raise BundleError(f"torch {torch.__version__} has no operator {name}; install a newer torch") from cause
    if not isinstance(found, OpOverload):
        raise BundleError(f"torch {torch.__version__} has no operator {name}; install a newer torch")
    return found


def _is_depthwise(call: Call) -> bool:
    groups = call.arguments.get("groups", 1)
    return isinstance(groups, int) and groups > 1 and call.tensors[1].shape[1] == 1


def _nothing(call: Call) -> float:
    del call
    return 0.0


def _per_element(factor: float) -> Callable[[Call], float]:
    return lambda call: factor * call.output.elements


def _per_input_element(call: Call) -> float:
    return float(call.tensors[0].elements)


def _convolution(call: Call) -> float:
    return 2.0 * call.output.elements * math.prod(call.tensors[1].shape[1:])


def _inner_product(position: int) -> Callable[[Call], float]:
    """Two operations per output element and element of the dimension summed over: `position`'s last one."""
    return lambda call: 2.0 * call.output.elements * call.tensors[position].shape[-1]


def _pooling(call: Call) -> float:
    kernel = call.arguments.get("kernel_size")
    sizes = kernel if isinstance(kernel, tuple) else (kernel,)
    window = math.prod(size for size in sizes if isinstance(size, int))
    return float(call.output.elements * (window**2 if len(sizes) == 1 else window))


def _attention(call: Call) -> float:
    query, key, value = call.tensors[:3]
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    return scores * (2.0 * query.shape[-1] + 2.0 * value.shape[-1] + _SOFTMAX_FLOPS)


_SOFTMAX_FLOPS = 5.0
"""Per element: subtract the largest, exponentiate, sum, divide; an exponential counts as two."""
_NORM_FLOPS = 8.0
"""Per element: mean, variance (two), subtract, scale, weight, bias, and the square root's share."""
_TRANSCENDENTAL_FLOPS = 8.0
"""Per element of a gelu, tanh or power: a polynomial of about this length."""

_SIMPLE = Operator(kind=OperationKind.ELEMENTWISE, flops=_per_element(1.0))
_SMOOTH = Operator(kind=OperationKind.ELEMENTWISE, flops=_per_element(_TRANSCENDENTAL_FLOPS))
_MOVE = Operator(kind=OperationKind.COPY, flops=_nothing)
_LOOK_UP = Operator(kind=OperationKind.COPY, flops=_nothing, sparse_reads=True)
_VIEW = Operator(kind=OperationKind.VIEW, flops=_nothing)
_WINDOW = Operator(kind=OperationKind.REDUCTION, flops=_pooling)
_SUM = Operator(kind=OperationKind.REDUCTION, flops=_per_input_element)

OPERATORS: Mapping[str, Operator] = {
    "aten._to_copy.default": _MOVE,
    "aten.adaptive_avg_pool2d.default": _SUM,
    "aten.add.Tensor": _SIMPLE,
    "aten.addmm.default": Operator(kind=OperationKind.MATMUL, flops=_inner_product(1)),
    "aten.avg_pool2d.default": _WINDOW,
    "aten.batch_norm.default": Operator(
        kind=OperationKind.NORMALISATION, flops=_per_element(2.0), pinned={"training": False}
    ),
    "aten.cat.default": _MOVE,
    "aten.clone.default": _MOVE,
    "aten.conv2d.default": Operator(kind=OperationKind.CONVOLUTION, flops=_convolution),
    "aten.div.Tensor": _SIMPLE,
    "aten.embedding.default": _LOOK_UP,
    "aten.expand.default": _VIEW,
    "aten.gelu.default": _SMOOTH,
    "aten.hardtanh.default": _SIMPLE,
    "aten.layer_norm.default": Operator(kind=OperationKind.NORMALISATION, flops=_per_element(_NORM_FLOPS)),
    "aten.linear.default": Operator(kind=OperationKind.MATMUL, flops=_inner_product(1)),
    "aten.matmul.default": Operator(kind=OperationKind.MATMUL, flops=_inner_product(0)),
    "aten.max_pool2d.default": _WINDOW,
    "aten.mean.dim": _SUM,
    "aten.mul.Tensor": _SIMPLE,
    "aten.pad.default": _MOVE,
    "aten.permute.default": _VIEW,
    "aten.pow.Tensor_Scalar": _SMOOTH,
    "aten.relu.default": _SIMPLE,
    "aten.reshape.default": _VIEW,
    "aten.roll.default": _MOVE,
    "aten.scaled_dot_product_attention.default": Operator(
        kind=OperationKind.MATMUL, flops=_attention, pinned={"dropout_p": 0.0}
    ),
    "aten.select.int": _VIEW,
    "aten.sigmoid.default": _SMOOTH,
    "aten.silu.default": _SMOOTH,
    "aten.slice.Tensor": _VIEW,
    "aten.softmax.int": Operator(kind=OperationKind.REDUCTION, flops=_per_element(_SOFTMAX_FLOPS)),
    "aten.squeeze.dim": _VIEW,
    "aten.sub.Tensor": _SIMPLE,
    "aten.tanh.default": _SMOOTH,
    "aten.transpose.int": _VIEW,
    "aten.unsqueeze.default": _VIEW,
}
"""Whitelist: operator overload -> what it asks of a device."""

COPYING_RESHAPE = _MOVE
"""What a reshape asks where its input's memory cannot be seen in the new shape."""
