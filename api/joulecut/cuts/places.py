"""Every place in a network where it could be cut: which are candidates, what crosses there, why others are left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

import torch

from joulecut_core.networks import CutTable, TensorSpec
from joulecut_runtime.networks.cutting import Crossing, candidates, crossings, dense_bytes
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.shapes import Tour, walk
from joulecut_runtime.wires.codecs import codecs_for
from joulecut_runtime.wires.jpeg_codec import JpegCodec


class Verdict(str, Enum):
    """What becomes of a place."""

    CANDIDATE = "candidate"
    """Planners may cut there."""
    DEARER = "legal, no cheaper"
    """Legal, but a candidate beside it sends no more bytes whatever the codec."""
    CROWDED = "legal, crowded out"
    """Legal and cheap, but there are more than enough candidates that send less."""
    SHARED = "not legal"
    """A tensor would cross that shares its memory with another, or has gaps: rebuilt, it would lie differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in the order of operators, after `operator` of the module `module`.

    `size_bytes`: what crosses without a codec. `cut`: its index where it is a candidate, else of the candidate beside
    it that sends no more, if there is one.
    """

    position: int
    operator: str
    module: str
    size_bytes: int
    verdict: Verdict
    cut: int | None


def places(graph: Graph) -> tuple[Place, ...]:
    """All places, first to last, both ends included."""
    tour = walk(graph)
    chosen = candidates(graph, tour)
    cut_of = {crossing.position: index for index, crossing in enumerate(chosen)}
    return tuple(_place(graph, tour, crossing, chosen, cut_of) for crossing in crossings(graph))


def count_verdicts(found: tuple[Place, ...]) -> dict[Verdict, int]:
    """How many places there are of each kind."""
    counts = Counter(place.verdict for place in found)
    return {verdict: counts[verdict] for verdict in Verdict}


def codec_sizes(table: CutTable, cut: int) -> dict[str, int]:
    """Bytes of a cut's tensors in each codec whose size does not depend on what is in them (JPEG's does)."""
    tensors = [torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in table.cuts[cut].tensors]
    return {
        codec.name: sum(frame.size_bytes for frame in codec.encode(tensors))
        for codec in codecs_for(table, cut)
        if not isinstance(codec, JpegCodec)
    }


def offers_jpeg(table: CutTable) -> bool:
    """Whether what the network takes may be sent as a JPEG."""
    return any(isinstance(codec, JpegCodec) for codec in codecs_for(table, 0))


def _place(graph: Graph, tour: Tour, crossing: Crossing, chosen: tuple[Crossing, ...], cut_of: dict[int, int]) -> Place:
    position = crossing.position
    node = graph.nodes[position - 1] if position else None
    cut = cut_of.get(position)
    verdict = Verdict.CANDIDATE
    if cut is None:
        cut = _no_dearer(crossing, chosen)
        if not all(tour.layouts[spec.name].packed for spec in crossing.values):
            verdict, cut = Verdict.SHARED, None
        else:
            verdict = Verdict.CROWDED if cut is None else Verdict.DEARER
    return Place(
        position=position,
        operator="" if node is None else node.operator.removeprefix("aten.").rpartition(".")[0],
        module="" if node is None else node.module,
        size_bytes=sum(spec.size_bytes for spec in crossing.values),
        verdict=verdict,
        cut=cut,
    )


def _no_dearer(crossing: Crossing, chosen: tuple[Crossing, ...]) -> int | None:
    """Of the candidates around a place, one that sends no more."""
    after = next(index for index, each in enumerate(chosen) if each.position > crossing.position)
    beside = [after - 1] if after == len(chosen) - 1 else [after, after - 1]
    fitting = [index for index in beside if _dense(chosen[index].values) <= _dense(crossing.values)]
    return fitting[0] if fitting else None


def _dense(values: tuple[TensorSpec, ...]) -> int:
    return sum(map(dense_bytes, values))
