"""What one call of an operator asks of a device: floating-point operations, and numbers held while it runs.

A multiply-add counts as two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joulecut_core.networks import TensorSpec
from joulecut_runtime.networks.graph import Argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operator call as its cost rule sees it: the tensors it reads and its plain arguments.

    `read`: the tensors by the parameter that takes them, in the schema's order however the call was written.
    """

    output: TensorSpec
    read: Mapping[str, tuple[TensorSpec, ...]]
    arguments: Mapping[str, Argument]

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """All tensors that are read, in the schema's order."""
        return tuple(spec for specs in self.read.values() for spec in specs)

    def tensor(self, parameter: str) -> TensorSpec:
        """The one tensor of a parameter that must have one."""
        return self.read[parameter][0]


SIMPLE_FLOPS = 1.0
"""Per element of a sum, a comparison, a rectifier."""
SOFTMAX_FLOPS = 5.0
"""Per element: subtract the largest, exponentiate, sum, divide; an exponential counts as two."""
NORM_FLOPS = 8.0
"""Per element: mean, variance (two), subtract, scale, weight, bias, and the square root's share."""
BATCH_NORM_FLOPS = 2.0
"""Per element: scale and shift, the statistics being known."""
SMOOTH_FLOPS = 8.0
"""Per element of a gelu, tanh or power: a polynomial of about this length."""
LINEAR_FLOPS = 4.0
"""Per element and dimension interpolated in: two weights, two multiply-adds, shared along rows."""
CUBIC_FLOPS = 40.0
"""Per element interpolated over 4 x 4 neighbours: sixteen multiply-adds and their weights."""


def is_depthwise(call: Call) -> bool:
    """Whether a convolution has a filter for each channel."""
    groups = call.arguments.get("groups", 1)
    return isinstance(groups, int) and groups > 1 and call.tensor("weight").shape[1] == 1


def nothing(call: Call) -> float:
    """Moves numbers only."""
    del call
    return 0.0


def per_element(factor: float) -> Callable[[Call], float]:
    """So many for each number that is given."""
    return lambda call: factor * call.output.elements


def per_input_element(call: Call) -> float:
    """One for each number that is read."""
    return float(call.tensors[0].elements)


def convolution(call: Call) -> float:
    """Each output is an inner product with a filter."""
    return 2.0 * call.output.elements * math.prod(call.tensor("weight").shape[1:])


def transposed_convolution(call: Call) -> float:
    """Each input is spread by a filter."""
    return 2.0 * call.tensor("input").elements * math.prod(call.tensor("weight").shape[1:])


def inner_product(position: int) -> Callable[[Call], float]:
    """Two operations per output element and element of the dimension summed over: `position`'s last one."""
    return lambda call: 2.0 * call.output.elements * call.tensors[position].shape[-1]


def pooling(dimensions: int) -> Callable[[Call], float]:
    """Each output looks at a window; a window given by one size has it in every dimension."""

    def flops(call: Call) -> float:
        kernel = call.arguments.get("kernel_size")
        sizes = kernel if isinstance(kernel, tuple) else (kernel,)
        window = math.prod(size for size in sizes if isinstance(size, int))
        return float(call.output.elements * (window**dimensions if len(sizes) == 1 else window))

    return flops


def attention(call: Call) -> float:
    """Scores, their softmax, and the sums that they weigh."""
    query, key, value = (call.tensor(name) for name in ("query", "key", "value"))
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    return scores * (2.0 * query.shape[-1] + 2.0 * value.shape[-1] + SOFTMAX_FLOPS)


def sorting(call: Call) -> float:
    """Comparisons of a merge sort along one dimension, taken as the last."""
    source = call.tensors[0]
    return source.elements * max(1.0, math.log2(max(2, source.shape[-1] if source.shape else 2)))


def recurrence(call: Call) -> float:
    """Every step multiplies with every matrix of weights."""
    source = call.tensor("input")
    steps = source.elements / max(1, source.shape[-1])
    # The biases have one dimension.
    matrices = sum(each.elements for each in call.read["params"] if len(each.shape) == 2)
    return 2.0 * steps * matrices


def columns(call: Call) -> float:
    """Every window of a convolution's input written out, which kernels of last resort do."""
    weight = call.tensor("weight")
    groups = call.arguments.get("groups", 1)
    places = call.output.elements / max(1, weight.shape[0])
    return places * math.prod(weight.shape[1:]) * (groups if isinstance(groups, int) else 1)


def transposed_columns(call: Call) -> float:
    """Every input of a transposed convolution spread, before they are added up."""
    source, weight = call.tensor("input"), call.tensor("weight")
    groups = call.arguments.get("groups", 1)
    places = source.elements / max(1, weight.shape[0])
    return places * math.prod(weight.shape[1:]) * (groups if isinstance(groups, int) else 1)


def scores(call: Call) -> float:
    """Of every query with every key, where no fused kernel serves, and what is copied to be multiplied."""
    query, key, value = (call.tensor(name) for name in ("query", "key", "value"))
    batch = math.prod(call.output.shape[:-2])
    pairs = batch * query.shape[-2] * key.shape[-2]
    return float(pairs + sum(_copied(each, batch) for each in (query, key, value)))


def copied_factors(call: Call) -> float:
    """Both factors of a product of stacked matrices, each copied out to the stack that they have in common."""
    factors = call.tensors
    shapes = [each.shape[:-2] for each in factors]
    deepest = max(map(len, shapes))
    padded = [(1,) * (deepest - len(shape)) + shape for shape in shapes]
    batch = math.prod(0 if 0 in sizes else max(sizes) for sizes in zip(*padded, strict=True))
    return float(sum(_copied(each, batch) for each in factors))


def broadcast_indices(call: Call) -> float:
    """Every index for every place that they name together; a mask is turned into as many as it has dimensions."""
    indices = call.read["indices"]
    masks = sum(each.elements * len(each.shape) for each in indices if each.dtype == "bool")
    numbers = [each for each in indices if each.dtype != "bool"]
    deepest = max((len(each.shape) for each in numbers), default=0)
    padded = [(1,) * (deepest - len(each.shape)) + each.shape for each in numbers]
    return float(masks + len(numbers) * math.prod(max(sizes) for sizes in zip(*padded, strict=True)))


def _copied(factor: TensorSpec, batch: int) -> int:
    """Numbers of a factor once it has as many matrices as the product; one that is used for all is not repeated."""
    if math.prod(factor.shape[:-2]) == 1:
        return factor.elements
    return batch * math.prod(factor.shape[-2:])


def gates(call: Call) -> float:
    """Of every step of a recurrent layer: its first weight has a row for each."""
    source = call.tensor("input")
    rows = max((each.shape[0] for each in call.read["params"] if len(each.shape) == 2), default=0)
    return source.elements / max(1, source.shape[-1]) * rows
