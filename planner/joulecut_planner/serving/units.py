"""Optimisation units of a network: the stretches of blocks that are worth a clock of their own (EALI).

Yao et al. (Neurocomputing 507, 2022) combine layers by hand: a convolution with the layers around it, an inception
module, a residual block. Here the graph tells:

1. *Stretches* end where a single tensor passes on: residual and inception modules stay whole.
2. A stretch that has no convolution or matrix product (normalisation, activation, pooling) joins the one before it.
3. A pattern of stretches that repeats at once is one layer: attention and feed-forward of a transformer, depthwise
   and pointwise of a separable convolution.
4. While a unit takes less than some changes of the clock, it is merged with its shorter neighbour: no unit is worth
   a change that takes as long as itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

from joulecut_core.block_graphs import INPUT, BlockGraph
from joulecut_core.workloads import Operation, OperationKind

_HEAVY = frozenset({OperationKind.CONVOLUTION, OperationKind.DEPTHWISE, OperationKind.MATMUL})
_LONGEST_PATTERN = 4
_Signature: TypeAlias = tuple[tuple[OperationKind, float], ...]


def optimisation_units(
    graph: BlockGraph,
    times_s: Sequence[float],
    *,
    switch_s: float,
    least_switches: float = 5.0,
    most: int | None = None,
) -> tuple[int, ...]:
    """Where units begin, and where the last one ends: ascending block indices from 0 to the number of blocks.

    `times_s` are of the blocks, at the clock and batch that matter most; each unit takes at least `least_switches`
    times `switch_s`, as far as the network is long enough, and there are at most `most` (None: any number).
    Raises ValueError for times that are not one for each block, finite and at least 0, or for no unit at all.
    """
    if len(times_s) != len(graph.blocks) or not all(0.0 <= time_s < math.inf for time_s in times_s):
        raise ValueError(f"times_s: {tuple(times_s)}; expected {len(graph.blocks)} finite times of at least 0")
    if not 0.0 <= switch_s < math.inf or not 0.0 <= least_switches < math.inf:
        raise ValueError(f"switch_s, least_switches: {switch_s}, {least_switches}; expected at least 0")
    if most is not None and most < 1:
        raise ValueError(f"most: {most}; expected at least one unit")
    bounds = _single_tensor_bounds(graph)
    bounds = _around_heavy(graph, bounds)
    bounds = _whole_layers(graph, bounds)
    return _long_enough(bounds, times_s, least_switches * switch_s, most)


def _single_tensor_bounds(graph: BlockGraph) -> list[int]:
    """Block indices before which exactly one tensor passes on."""
    count = len(graph.blocks)
    passing = [0] * (count + 1)
    for tensor in graph.tensors:
        if tensor.consumers:
            first = 1 if tensor.producer == INPUT else tensor.producer + 1
            for bound in range(first, tensor.consumers[-1] + 1):
                passing[bound] += 1
    return [0, *(bound for bound in range(1, count) if passing[bound] == 1), count]


def _around_heavy(graph: BlockGraph, bounds: list[int]) -> list[int]:
    """Without the bounds before stretches that have no heavy operation, and before the first that has one."""
    kept = [0]
    seen = False
    for first, last in pairwise(bounds):
        heavy = bool(_signature(graph, first, last))
        if heavy and seen:
            kept.append(first)
        seen = seen or heavy
    return [*kept, bounds[-1]]


def _whole_layers(graph: BlockGraph, bounds: list[int]) -> list[int]:
    """With each repeat of a pattern as one stretch; alike stretches in a row stay apart."""
    signatures = [_signature(graph, first, last) for first, last in pairwise(bounds)]
    kept: list[int] = []
    at = 0
    while at < len(signatures):
        kept.append(bounds[at])
        at += _pattern(signatures, at)
    return [*kept, bounds[-1]]


def _pattern(signatures: list[_Signature], at: int) -> int:
    """How many stretches from `at` on form a pattern that goes on, or has gone on, right beside them; else 1."""
    if len(set(signatures[at : at + 2])) < 2:
        return 1
    for length in range(2, _LONGEST_PATTERN + 1):
        here = signatures[at : at + length]
        after = signatures[at + length : at + 2 * length]
        before = signatures[at - length : at] if at >= length else []
        if len(here) == length and here in (after, before):
            return length
    return 1


def _long_enough(bounds: list[int], times_s: Sequence[float], least_s: float, most: int | None) -> tuple[int, ...]:
    until_s = (0.0, *accumulate(times_s))
    bounds = list(bounds)
    while len(bounds) > 2:
        lengths_s = [until_s[last] - until_s[first] for first, last in pairwise(bounds)]
        shortest = min(range(len(lengths_s)), key=lengths_s.__getitem__)
        # A unit without time is none, even where changes are free.
        if lengths_s[shortest] >= least_s and lengths_s[shortest] > 0.0 and (most is None or len(lengths_s) <= most):
            break
        if shortest == 0:
            del bounds[1]
        elif shortest == len(lengths_s) - 1 or lengths_s[shortest - 1] <= lengths_s[shortest + 1]:
            del bounds[shortest]
        else:
            del bounds[shortest + 1]
    return tuple(bounds)


def _signature(graph: BlockGraph, first: int, last: int) -> _Signature:
    """The heavy operations of some blocks, by kind and size."""
    operations: list[Operation] = [each for block in graph.blocks[first:last] for each in block.operations]
    return tuple((each.kind, each.flops) for each in operations if each.kind in _HEAVY)
