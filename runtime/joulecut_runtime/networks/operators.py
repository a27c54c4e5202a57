"""The operators a network may consist of: nothing else is captured, nothing else is loaded.

Each is functional (mutates nothing), deterministic and gives one tensor, of a shape that follows from the shapes
it is given. The few arguments that would break this are pinned to harmless values. Of an operator that gives several
tensors the list has the items, "aten.max.dim[1]": each is a call of its own. With each comes what it asks of a
device: its kind, its floating-point operations and the bytes it moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import cast

import torch
from torch import Tensor
from torch._ops import OpOverload

from joulecut_core.decoding import show
from joulecut_core.errors import BundleError
from joulecut_core.workloads import Operation, OperationKind
from joulecut_runtime.networks import operator_costs as costs
from joulecut_runtime.networks.graph import Argument
from joulecut_runtime.networks.operator_costs import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One whitelisted operator.

    `flops` counts a multiply-add as two. `sparse_reads` tells that only as many bytes of the first
    tensor are read as are written (a look-up in a table). `pinned` arguments may hold one of those values only.
    `scratch` is how many numbers a kernel may have to hold on top of what it reads and gives.
    """

    kind: OperationKind
    flops: Callable[[Call], float]
    sparse_reads: bool = False
    pinned: Mapping[str, tuple[Argument, ...]] = field(default_factory=dict)
    scratch: Callable[[Call], float] = costs.nothing

    def operation(self, call: Call) -> Operation:
        """Kind, arithmetic and traffic of one call."""
        kind = self.kind
        if kind is OperationKind.CONVOLUTION and costs.is_depthwise(call):
            kind = OperationKind.DEPTHWISE
        if kind is OperationKind.VIEW:
            return Operation(kind=kind, flops=0.0, size_bytes=0.0)
        read_bytes = [tensor.size_bytes for tensor in call.tensors]
        if self.sparse_reads and read_bytes:
            read_bytes[0] = min(read_bytes[0], call.output.size_bytes)
        return Operation(kind=kind, flops=self.flops(call), size_bytes=float(sum(read_bytes) + call.output.size_bytes))


def resolve(name: str) -> Callable[..., Tensor]:
    """The function behind a whitelisted name: torch's operator ("aten.relu.default"), or one item of what it gives.

    An item ("aten.max.dim[1]") lies in memory without gaps, however the kernel left it. Raises BundleError where the
    name is not on the whitelist or this torch does not have it.
    """
    if name not in OPERATORS:
        raise BundleError(
            f"operator {show(name)} is not one that joulecut runs; pack the network again with this version"
        )
    return _function(name)


def overload(name: str) -> OpOverload:
    """The torch operator that a whitelisted name calls, of which it may be an item. Raises what `resolve` does."""
    resolve(name)
    return _overload(name.partition("[")[0])


@cache
def _function(name: str) -> Callable[..., Tensor]:
    called, _, item = name.partition("[")
    function = cast("Callable[..., Tensor]", _overload(called))
    return _picked(called, int(item[:-1])) if item else function


def _picked(name: str, item: int) -> Callable[..., Tensor]:
    several = cast("Callable[..., tuple[Tensor, ...]]", _overload(name))

    def picked(*arguments: object, **keywords: object) -> Tensor:
        return several(*arguments, **keywords)[item].contiguous()

    picked.__name__ = picked.__qualname__ = f"{name.replace('.', '_')}_item_{item}"
    return picked


@cache
def _overload(name: str) -> OpOverload:
    namespace, packet, which = name.split(".")
    try:
        found = getattr(getattr(getattr(torch.ops, namespace), packet), which)
    except AttributeError as cause:
        raise BundleError(f"torch {torch.__version__} has no operator {name}; install a newer torch") from cause
    if not isinstance(found, OpOverload):
        raise BundleError(f"torch {torch.__version__} has no operator {name}; install a newer torch")
    return found


def _arithmetic(flops: float) -> Operator:
    return Operator(kind=OperationKind.ELEMENTWISE, flops=costs.per_element(flops))


def _convolution(flops: Callable[[Call], float], scratch: Callable[[Call], float]) -> Operator:
    return Operator(kind=OperationKind.CONVOLUTION, flops=flops, scratch=scratch)


def _product(position: int) -> Operator:
    return Operator(kind=OperationKind.MATMUL, flops=costs.inner_product(position), scratch=costs.copied_factors)


def _normalisation(flops: float) -> Operator:
    return Operator(kind=OperationKind.NORMALISATION, flops=costs.per_element(flops))


def _reduction(flops: Callable[[Call], float]) -> Operator:
    return Operator(kind=OperationKind.REDUCTION, flops=flops)


_MOVE = Operator(kind=OperationKind.COPY, flops=costs.nothing)
_LOOK_UP = Operator(kind=OperationKind.COPY, flops=costs.nothing, sparse_reads=True)
_INDEXING = replace(_LOOK_UP, scratch=costs.broadcast_indices)
_VIEW = Operator(kind=OperationKind.VIEW, flops=costs.nothing)
_ATTENTION = Operator(
    kind=OperationKind.MATMUL, flops=costs.attention, pinned={"dropout_p": (0.0,)}, scratch=costs.scores
)
_RECURRENCE = Operator(
    kind=OperationKind.MATMUL, flops=costs.recurrence, pinned={"train": (False,)}, scratch=costs.gates
)
_BATCH_NORM = replace(_normalisation(costs.BATCH_NORM_FLOPS), pinned={"training": (False,)})
_SETTING = replace(_MOVE, pinned={"accumulate": (False,)}, scratch=costs.broadcast_indices)
_FLOORED = replace(_arithmetic(costs.SIMPLE_FLOPS), pinned={"rounding_mode": ("floor",)})
"""Whole numbers divided towards zero end the process where the least is divided by -1."""
_SAMPLING = replace(
    _arithmetic(2 * costs.LINEAR_FLOPS), pinned={"interpolation_mode": (0, 1, 2), "padding_mode": (0, 1, 2)}
)
"""Kernels take other modes without complaint, and leave what they give unwritten."""

_LISTS: tuple[tuple[Operator, str], ...] = (
    (
        _arithmetic(costs.SIMPLE_FLOPS),
        """
        abs.default add.Tensor addcdiv.default addcmul.default bitwise_and.Tensor bitwise_not.default
        bitwise_or.Tensor bitwise_xor.Tensor ceil.default clamp.Tensor clamp.default clamp_max.default
        clamp_min.default div.Tensor eq.Scalar eq.Tensor floor.default ge.Scalar ge.Tensor gt.Scalar gt.Tensor
        hardsigmoid.default hardswish.default hardtanh.default isinf.default isnan.default le.Scalar le.Tensor
        leaky_relu.default lerp.Scalar logical_and.default logical_not.default logical_or.default
        logical_xor.default lt.Scalar lt.Tensor masked_fill.Scalar masked_fill.Tensor maximum.default
        minimum.default mul.Tensor nan_to_num.default ne.Scalar ne.Tensor neg.default prelu.default
        reciprocal.default relu.default remainder.Scalar round.default rsqrt.default rsub.Scalar
        sign.default sqrt.default sub.Tensor threshold.default trunc.default where.ScalarOther where.ScalarSelf
        where.self
        """,
    ),
    (
        _arithmetic(costs.SMOOTH_FLOPS),
        """
        acos.default asin.default atan.default atan2.default cos.default cosh.default elu.default erf.default
        exp.default exp2.default expm1.default gelu.default glu.default log.default log10.default log1p.default
        log2.default log_sigmoid.default logit.default mish.default pow.Scalar pow.Tensor_Scalar pow.Tensor_Tensor
        sigmoid.default silu.default sin.default sinh.default softplus.default tan.default tanh.default
        """,
    ),
    (
        _MOVE,
        """
        _to_copy.default cat.default clone.default col2im.default flip.default im2col.default pad.default
        pixel_shuffle.default pixel_unshuffle.default repeat.default repeat_interleave.self_int roll.default
        scatter.src scatter.value select_scatter.default slice_scatter.default stack.default tril.default
        triu.default upsample_nearest1d.vec upsample_nearest2d.vec upsample_nearest3d.vec
        _upsample_nearest_exact1d.vec _upsample_nearest_exact2d.vec _upsample_nearest_exact3d.vec
        """,
    ),
    (_LOOK_UP, "embedding.default gather.default index_select.default"),
    (_INDEXING, "index.Tensor"),
    (_SETTING, "index_put.default"),
    (
        _VIEW,
        """
        diagonal.default expand.default permute.default reshape.default select.int slice.Tensor squeeze.dim
        transpose.int unfold.default unsqueeze.default
        """,
    ),
    (_arithmetic(costs.LINEAR_FLOPS), "upsample_linear1d.vec"),
    (_arithmetic(2 * costs.LINEAR_FLOPS), "upsample_bilinear2d.vec _upsample_bilinear2d_aa.vec"),
    (_SAMPLING, "grid_sampler.default"),
    (_FLOORED, "div.Tensor_mode"),
    (_arithmetic(3 * costs.LINEAR_FLOPS), "upsample_trilinear3d.vec"),
    (_arithmetic(costs.CUBIC_FLOPS), "upsample_bicubic2d.vec _upsample_bicubic2d_aa.vec"),
    (_convolution(costs.convolution, costs.columns), "conv1d.default conv2d.default conv3d.default"),
    (
        _convolution(costs.transposed_convolution, costs.transposed_columns),
        "conv_transpose1d.default conv_transpose2d.input conv_transpose3d.input",
    ),
    (_product(0), "bmm.default matmul.default mm.default mv.default"),
    (_product(1), "addmm.default baddbmm.default linear.default"),
    (_ATTENTION, "scaled_dot_product_attention.default"),
    (
        _RECURRENCE,
        """
        gru.input[0] gru.input[1] lstm.input[0] lstm.input[1] lstm.input[2] rnn_relu.input[0] rnn_relu.input[1]
        rnn_tanh.input[0] rnn_tanh.input[1]
        """,
    ),
    (_BATCH_NORM, "batch_norm.default"),
    (_normalisation(costs.NORM_FLOPS), "group_norm.default layer_norm.default rms_norm.default"),
    (
        _reduction(costs.per_input_element),
        """
        adaptive_avg_pool1d.default adaptive_avg_pool2d.default adaptive_avg_pool3d.default
        adaptive_max_pool1d.default[0] adaptive_max_pool2d.default[0] adaptive_max_pool3d.default[0]
        all.default all.dim amax.default amin.default any.default any.dim argmax.default argmin.default
        cumprod.default cumsum.default linalg_vector_norm.default logsumexp.default max.default max.dim[0]
        max.dim[1] mean.default mean.dim min.default min.dim[0] min.dim[1] prod.dim_int std.correction
        sum.default sum.dim_IntList var.correction
        var_mean.correction[0] var_mean.correction[1]
        """,
    ),
    (_reduction(costs.per_element(costs.SOFTMAX_FLOPS)), "log_softmax.int softmax.int"),
    (_reduction(costs.sorting), "argsort.default sort.default[0] sort.default[1] topk.default[0] topk.default[1]"),
    (_reduction(costs.pooling(1)), "avg_pool1d.default max_pool1d.default"),
    (
        _reduction(costs.pooling(2)),
        "avg_pool2d.default max_pool2d.default max_pool2d_with_indices.default[0] max_pool2d_with_indices.default[1]",
    ),
    (_reduction(costs.pooling(3)), "avg_pool3d.default max_pool3d.default"),
)

OPERATORS: Mapping[str, Operator] = {f"aten.{name}": operator for operator, names in _LISTS for name in names.split()}
"""Whitelist: operator overload, or an item of what it gives -> what it asks of a device."""

COPYING_RESHAPE = _MOVE
"""What a reshape asks where its input's memory cannot be seen in the new shape."""
