"""Closed sets as the cuts of an ordinary planning problem, so that the ordinary solver is exact over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from joulecut_core.block_graphs import INPUT, BlockGraph
from joulecut_core.problems import Problem, ProblemCut, SideTables, Variant, Wire
from joulecut_planner.choices.grids import Array
from joulecut_planner.closed_sets.dag_problem import BlockTables, DagProblem
from joulecut_planner.closed_sets.enumeration import members_of

_HOME = Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)


def cut_problem(problem: DagProblem, masks: Sequence[int]) -> Problem:
    """The planning problem whose cut c runs `masks[c]` on the edge.

    `masks` are closed sets, the empty one first and the whole last. A part's time is the sum of its blocks'
    times, its draw their mean over that time. Raises ProblemError where a number is out of range.
    """
    inside = membership(masks, len(problem.graph.blocks))
    sizes = raw_bytes(problem.graph, inside)
    reply_bytes = float(problem.graph.reply_bytes)
    names = cut_names(problem.graph, masks)
    return Problem(
        link=problem.link,
        edge=problem.edge,
        server=problem.server,
        slo=problem.slo,
        objective=problem.objective,
        max_accuracy_loss=problem.max_accuracy_loss,
        cuts=(
            *(
                ProblemCut(name=name, wires=tuple(rule.wire(size, reply_bytes) for rule in problem.wires))
                for name, size in zip(names[:-1], sizes.tolist(), strict=False)
            ),
            ProblemCut(name=names[-1], wires=(_HOME,)),
        ),
        variants=(
            Variant(
                name=problem.variant,
                edge=_part_tables(problem.edge_blocks, inside),
                server=_part_tables(problem.server_blocks, ~inside),
            ),
        ),
    )


def membership(masks: Sequence[int], blocks: int) -> NDArray[np.bool_]:
    """Bit masks as rows of a table of shape (sets, blocks)."""
    width = (blocks + 7) // 8
    packed = np.frombuffer(b"".join(mask.to_bytes(width, "little") for mask in masks), dtype=np.uint8)
    return np.unpackbits(packed.reshape(len(masks), width), axis=1, count=blocks, bitorder="little").astype(np.bool_)


def raw_bytes(graph: BlockGraph, inside: NDArray[np.bool_]) -> Array:
    """Uncompressed bytes that cross for each set, shape (sets,): those of `BlockGraph.crossing`."""
    total = np.zeros(len(inside))
    for tensor in graph.tensors:
        made = np.ones(len(inside), dtype=np.bool_) if tensor.producer == INPUT else inside[:, tensor.producer]
        needed = True if tensor.leaves else ~inside[:, list(tensor.consumers)].all(axis=1)
        total += tensor.size_bytes * (made & needed)
    total[~inside.any(axis=1)] = sum(tensor.size_bytes for tensor in graph.tensors if tensor.producer == INPUT)
    total[inside.all(axis=1)] = 0.0
    return total


def cut_names(graph: BlockGraph, masks: Sequence[int]) -> list[str]:
    """What a reader calls each set: the last blocks in it, of which nothing else in it depends."""
    before = graph.dependencies()
    names: list[str] = []
    for mask in masks:
        inside = members_of(mask)
        if not inside:
            names.append("input")
        elif inside == graph.everything:
            names.append("output")
        else:
            ends = inside - frozenset().union(*(before[block] for block in inside))
            names.append(" + ".join(graph.blocks[block].name for block in sorted(ends)))
    return names


def _part_tables(blocks: BlockTables, inside: NDArray[np.bool_]) -> SideTables:
    time_s, energy_j = (inside.astype(np.float64) @ table for table in block_arrays(blocks))
    busy_w = np.divide(energy_j, time_s, out=np.zeros_like(energy_j), where=time_s > 0.0)
    return SideTables(
        time_s=tuple(map(tuple, time_s.tolist())),
        busy_w=tuple(map(tuple, busy_w.tolist())),
    )


def block_arrays(blocks: BlockTables) -> tuple[Array, Array]:
    """Seconds and joules of every block, each of shape (blocks, points)."""
    time_s = np.array(blocks.time_s, dtype=np.float64)
    return time_s, time_s * np.array(blocks.busy_w, dtype=np.float64)
