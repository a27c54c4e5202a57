"""Units of a served network: stretches of its cut table's blocks, so that a request cut between two enters at one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from joulecut_core.block_graphs import INPUT, BlockGraph, GraphBlock, GraphTensor
from joulecut_core.networks import CutTable
from joulecut_planner.serving.units import optimisation_units


def unit_bounds(table: CutTable, times_s: Sequence[float], most: int) -> tuple[int, ...]:
    """Where units begin and the last one ends: at most `most` of the network's optimisation units.

    `times_s`: of each block. They are not merged until a change of the clock pays in each: requests enter at units
    too, and policies count what a change costs.
    """
    return optimisation_units(line_graph(table), times_s, switch_s=0.0, most=most)


def unit_names(table: CutTable, bounds: Sequence[int]) -> tuple[str, ...]:
    """Each unit by the cuts that it lies between."""
    return tuple(f"{table.cuts[first].name} to {table.cuts[last].name}" for first, last in pairwise(bounds))


def line_graph(table: CutTable) -> BlockGraph:
    """The table's blocks and what passes between them; of a tensor's readers only the last is told by the cuts."""
    crossing: dict[str, list[int]] = {}
    sizes = {spec.name: spec.size_bytes for spec in table.outputs}
    for cut in table.cuts[:-1]:
        for spec in cut.tensors:
            crossing.setdefault(spec.name, []).append(cut.index)
            sizes[spec.name] = spec.size_bytes
    outputs = {spec.name for spec in table.outputs}
    tensors = [
        GraphTensor(
            name=name,
            producer=INPUT if cuts[0] == 0 else cuts[0] - 1,
            consumers=(cuts[-1],),
            size_bytes=sizes[name],
            leaves=name in outputs,
        )
        for name, cuts in crossing.items()
    ]
    tensors += [
        GraphTensor(name=name, producer=table.last - 1, consumers=(), size_bytes=sizes[name], leaves=True)
        for name in sorted(outputs - set(crossing))
    ]
    names = (f"{block.index} {block.name}" for block in table.blocks)
    return BlockGraph(
        network=table.network,
        blocks=tuple(
            GraphBlock(name=name, operations=block.operations) for name, block in zip(names, table.blocks, strict=True)
        ),
        tensors=tuple(tensors),
    )
