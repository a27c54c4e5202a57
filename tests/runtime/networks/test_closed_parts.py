"""Parts for closed sets that are no prefix: they run, and give the whole network's answer to the bit."""

from __future__ import annotations

from functools import cache
from itertools import chain, combinations

import pytest
import torch
from torch import Tensor

from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.block_graph import block_graph
from joulecut_runtime.networks.closed_parts import closed_parts
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network
from tests.networks.branching import Branching, Listening, Residual, Sideways
from tests.networks.receiving import over_the_wire
from tests.thoroughness import THOROUGH

PICTURE = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(7))
SOUND = torch.randn(1, 2, 24, generator=torch.Generator().manual_seed(9))
ROWS = torch.randn(2, 6, generator=torch.Generator().manual_seed(8))


@cache
def graph_of(name: str) -> tuple[Graph, tuple[Tensor, ...]]:
    """A branching network and inputs for it."""
    torch.manual_seed(2)
    module, tensor = {
        "branching": (Branching(), PICTURE),
        "listening": (Listening(), SOUND),
        "residual": (Residual(), PICTURE),
        "sideways": (Sideways(), ROWS),
    }[name]
    return capture(module, (tensor,), name=name), (tensor,)


@pytest.mark.parametrize("name", ["branching", "listening", "residual", "sideways"])
def test_every_closed_set_runs_to_the_same_answer(name: str) -> None:
    """Head, wire and tail of closed sets equal the whole bit for bit, also those that are no prefix."""
    graph, inputs = graph_of(name)
    blocked = block_graph(graph)
    expected = Network(graph).whole(inputs)
    count = len(blocked.blocks.blocks)
    subsets = chain.from_iterable(combinations(range(count), size) for size in range(count + 1))
    closed = [chosen for chosen in map(frozenset, subsets) if blocked.blocks.is_closed(chosen)]
    # The last ones leave nothing to the tail, or next to nothing.
    looked_at = closed if THOROUGH else [*closed[::3], *closed[-2:]]
    for chosen in looked_at:
        parts = closed_parts(graph, blocked, chosen)
        crossing = inputs if parts.head is None else parts.head(inputs)
        if parts.tail is None:
            answer = crossing
        else:
            sent = over_the_wire(crossing)
            parts.tail.check_inputs(sent)
            answer = parts.tail(sent)
        assert all(torch.equal(mine, whole) for mine, whole in zip(answer, expected, strict=True))
    odd = sum(chosen != frozenset(range(len(chosen))) for chosen in looked_at)
    assert odd > 5 or name not in {"branching", "listening"}


def test_parts_share_the_work() -> None:
    """The set's blocks are the head's work, the others the tail's, and what crosses is what the graph says."""
    graph, _ = graph_of("branching")
    blocked = block_graph(graph)
    names = [block.name for block in blocked.blocks.blocks]
    chosen = frozenset({names.index("stem"), names.index("right.shrink"), names.index("pooled")})
    parts = closed_parts(graph, blocked, chosen)
    assert parts.head is not None
    assert parts.tail is not None
    assert parts.head.workload.blocks == tuple(blocked.blocks.blocks[block].operations for block in sorted(chosen))
    assert parts.head.workload.flops + parts.tail.workload.flops == Network(graph).whole.workload.flops
    assert {spec.name for spec in parts.crossing} == {tensor.name for tensor in blocked.blocks.crossing(chosen)}


def test_the_ends_have_one_part() -> None:
    """Nothing on the edge sends the inputs; everything on it sends nothing and answers itself."""
    graph, _ = graph_of("branching")
    blocked = block_graph(graph)
    nothing = closed_parts(graph, blocked, frozenset())
    everything = closed_parts(graph, blocked, blocked.blocks.everything)
    assert nothing.head is None
    assert nothing.crossing == graph.inputs
    assert everything.tail is None
    assert everything.crossing == ()
    assert everything.head is not None
    assert [spec.name for spec in everything.head.outputs] == list(graph.outputs)


def test_open_sets_and_foreign_blocks_are_refused() -> None:
    """A block without what it reads cannot run, nor blocks of another network."""
    graph, _ = graph_of("branching")
    blocked = block_graph(graph)
    with pytest.raises(ValueError, match="expected a set closed under dependencies"):
        closed_parts(graph, blocked, frozenset({len(blocked.blocks.blocks) - 1}))
    other, _ = graph_of("residual")
    with pytest.raises(ValueError, match="expected the graph's own blocks"):
        closed_parts(other, blocked, frozenset({0}))
