"""Graphs of blocks: what may cross, what is closed, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.block_graphs import INPUT, BlockGraph, GraphBlock, GraphTensor
from joulecut_core.workloads import Operation, OperationKind

BRANCHES = BlockGraph(
    network="branches",
    blocks=tuple(GraphBlock(name=name, operations=()) for name in ("stem", "left", "right", "join")),
    tensors=(
        GraphTensor(name="picture", producer=INPUT, consumers=(0, 3), size_bytes=100),
        GraphTensor(name="unread", producer=INPUT, consumers=(), size_bytes=7),
        GraphTensor(name="stem", producer=0, consumers=(1, 2), size_bytes=80),
        GraphTensor(name="left", producer=1, consumers=(3,), size_bytes=10),
        GraphTensor(name="right", producer=2, consumers=(3,), size_bytes=20, leaves=True),
        GraphTensor(name="join", producer=3, consumers=(), size_bytes=4, leaves=True),
    ),
)


def crossing(*blocks: int) -> list[str]:
    """Names of what crosses after some blocks."""
    return [tensor.name for tensor in BRANCHES.crossing(frozenset(blocks))]


def test_a_tensor_crosses_once_while_somebody_outside_reads_it() -> None:
    """One with two readers crosses once, and no longer when both are inside; the picture crosses to its last reader."""
    assert crossing(0) == ["picture", "stem"]
    assert crossing(0, 1) == ["picture", "stem", "left"]
    assert crossing(0, 1, 2) == ["picture", "left", "right"]


def test_early_answers_cross_and_the_ends_are_the_contracts() -> None:
    """An answer made early crosses, so that the server can reply; all inputs at the start, nothing at the end."""
    assert "right" in crossing(0, 2)
    assert crossing() == ["picture", "unread"]
    assert crossing(0, 1, 2, 3) == []
    assert BRANCHES.reply_bytes == 24


def test_closed_sets() -> None:
    """A block without what it reads is no first half of a network."""
    assert BRANCHES.is_closed({0, 2})
    assert BRANCHES.is_closed(())
    assert not BRANCHES.is_closed({1})
    assert not BRANCHES.is_closed({0, 1, 3})
    assert not BRANCHES.is_closed({0, 4})
    with pytest.raises(ValueError, match=r"blocks \[1, 2\] of branches; expected a set closed"):
        BRANCHES.crossing(frozenset({1, 2}))


def test_work_of_a_block() -> None:
    """FLOPs and bytes are those of its operations."""
    operations = (
        Operation(kind=OperationKind.CONVOLUTION, flops=10.0, size_bytes=3.0),
        Operation(kind=OperationKind.ELEMENTWISE, flops=1.0, size_bytes=2.0),
    )
    block = GraphBlock(name="block", operations=operations)
    assert (block.flops, block.size_bytes) == (11.0, 5.0)


@pytest.mark.parametrize(
    ("tensor", "complaint"),
    [
        (GraphTensor(name="t", producer=4, consumers=(), size_bytes=1), "producer 4; expected -1 to 3"),
        (GraphTensor(name="t", producer=1, consumers=(1,), size_bytes=1), "expected blocks after its producer 1"),
        (GraphTensor(name="t", producer=2, consumers=(1, 3), size_bytes=1), "expected blocks after its producer 2"),
        (GraphTensor(name="t", producer=0, consumers=(1, 4), size_bytes=1), "below 4"),
        (GraphTensor(name="t", producer=0, consumers=(2, 1), size_bytes=1), "expected ascending, each once"),
        (GraphTensor(name="t", producer=0, consumers=(1, 1), size_bytes=1), "expected ascending, each once"),
        (GraphTensor(name="t", producer=0, consumers=(1,), size_bytes=-1), "-1 bytes; expected at least 0"),
        (GraphTensor(name="left", producer=0, consumers=(1,), size_bytes=1), "'left' a second time"),
    ],
)
def test_malformed_tensors_are_refused(tensor: GraphTensor, complaint: str) -> None:
    """Cycles, unknown blocks, repeated readers and names cannot become a graph."""
    with pytest.raises(ValueError, match=complaint):
        replace(BRANCHES, tensors=(*BRANCHES.tensors, tensor))


def test_empty_graphs_are_refused() -> None:
    """A network has at least one block and an answer."""
    with pytest.raises(ValueError, match="blocks: empty"):
        replace(BRANCHES, blocks=(), tensors=())
    with pytest.raises(ValueError, match="none leaves the network"):
        replace(BRANCHES, tensors=BRANCHES.tensors[:3])
    with pytest.raises(ValueError, match="'stem' a second time"):
        replace(BRANCHES, blocks=(BRANCHES.blocks[0],) * 4)
