"""Cutting: what crosses at each position, which positions are offered, and what they are called."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from joulecut_core.workloads import OperationKind
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks import cutting
from joulecut_runtime.networks.cutting import candidates, crossings
from joulecut_runtime.networks.graph import Graph, node_values
from joulecut_runtime.networks.network import Network
from joulecut_runtime.networks.shapes import walk
from tests.networks.receiving import over_the_wire
from tests.networks.small_modules import ChannelsLast, Skips


class Funnel(nn.Module):
    """Sizes that rise and fall: 8 -> 32 -> 4 -> 4 -> 64 -> 6 -> 3 -> 2."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (8, 32, 4, 4, 64, 6, 3, 2)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Deep(nn.Module):
    """More bottlenecks than may be offered, each as good a cut as the next but for its width: few are 4 wide."""

    def __init__(self) -> None:
        super().__init__()
        widths = [(2, 3, 2, 3, 2, 3, 2, 3, 4)[index % 9] for index in range(73)]
        self.wide = nn.ModuleList(nn.Linear(width, 9) for width in widths[:-1])
        self.thin = nn.ModuleList(nn.Linear(9, width) for width in widths[1:])

    def forward(self, x: Tensor) -> Tensor:
        for wide, thin in zip(self.wide, self.thin, strict=True):
            x = thin(wide(x))
        return x


@cache
def skips_graph() -> Graph:
    torch.manual_seed(5)
    return capture(Skips(), [torch.randn(1, 3, 8, 8), torch.randn(1, 5)], name="skips")


@cache
def funnel_graph() -> Graph:
    return capture(Funnel(), [torch.ones(1, 8)], name="funnel")


def test_every_position_carries_what_the_rest_needs() -> None:
    """At each position: nothing the rest reads is missing, nothing that crosses is never read again."""
    graph = skips_graph()
    everywhere = crossings(graph)
    assert len(everywhere) == len(graph.nodes) + 1
    assert everywhere[0].values == graph.inputs
    assert everywhere[-1].values == ()
    for crossing in everywhere[1:-1]:
        rest = graph.nodes[crossing.position :]
        made = {node.name for node in rest}
        needed = {name for node in rest for name in node_values(node)} | set(graph.outputs)
        assert {spec.name for spec in crossing.values} == needed - made


def test_inputs_and_outputs_cross_while_needed() -> None:
    """The picture, needed by a skip over everything, and an output that is ready early cross together."""
    graph = skips_graph()
    late = crossings(graph)[-2]
    names = {spec.name for spec in late.values}
    assert "picture" not in names
    assert set(graph.outputs) & names
    assert "picture" in {spec.name for spec in crossings(graph)[3].values}


def test_constants_never_cross() -> None:
    """Both sides have the weights."""
    graph = skips_graph()
    crossing_names = {spec.name for crossing in crossings(graph) for spec in crossing.values}
    assert not crossing_names & set(graph.constants)


def test_bottlenecks_are_offered() -> None:
    """Valleys are, and what lies on the way down below the valley before; rising flanks and peaks are not."""
    network = Network(funnel_graph())
    assert [cut.name for cut in network.table.cuts] == ["input", "layers.2", "layers.5", "output"]
    deeper = Network(
        capture(nn.Sequential(nn.Linear(9, 9), nn.Linear(9, 5), nn.Linear(5, 2)), [torch.ones(1, 9)], name="d")
    )
    assert [cut.name for cut in deeper.table.cuts] == ["input", "1", "output"]


def test_plateau_is_cut_once_before_its_views() -> None:
    """Operators that keep the size make one cut, after the last of them that computes."""
    module = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32, 64), nn.Linear(64, 48))
    network = Network(capture(module, [torch.ones(1, 3, 4, 4)], name="plateau"))
    assert [cut.name for cut in network.table.cuts] == ["input", "1", "output"]


def test_at_most_64_cuts() -> None:
    """A very deep network offers its narrowest places."""
    graph = capture(Deep(), [torch.ones(1, 2)], name="deep")
    kept = candidates(graph, walk(graph))
    assert len(kept) == 64
    assert [crossing.position for crossing in kept] == sorted({crossing.position for crossing in kept})
    widths = {crossing.values[0].elements for crossing in kept[1:-1]}
    assert widths == {2, 3}


@pytest.mark.parametrize(
    ("limit", "most", "sizes"),
    [("MAX_CROSSING_BYTES", 16, [16, 12]), ("MAX_CROSSING_BYTES", 15, [12]), ("MAX_CROSSING_TENSORS", 0, [])],
)
def test_what_no_message_carries_is_no_cut(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, sizes: list[int]
) -> None:
    """Neither more bytes than a message has room for, nor more tensors; both ends stay."""
    graph = funnel_graph()
    monkeypatch.setattr(cutting, limit, most)
    first, *kept, last = candidates(graph, walk(graph))
    assert [each.values[0].size_bytes for each in kept] == sizes
    assert (first.position, last.position) == (0, len(graph.nodes))


def test_memory_that_is_shared_or_has_gaps_does_not_cross() -> None:
    """A slice of a larger tensor is not offered as a cut, for its bytes alone do not say how it lay."""

    class Slicing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            column = torch.relu(x)[:, 1:2]
            return torch.cat([column] * 9, dim=1)

    graph = capture(Slicing(), [torch.ones(4, 8)], name="slicing")
    tour = walk(graph)
    assert min(crossing.values[0].elements for crossing in crossings(graph)[:-1]) == 4
    assert len(candidates(graph, tour)) == 2
    assert not tour.layouts["slice_1"].packed


def test_permuted_memory_survives_the_wire() -> None:
    """A tail rebuilds the strides that its kernels saw in the whole network, so not a bit changes."""
    torch.manual_seed(1)
    inputs = (torch.randn(1, 3, 64, 64),)
    network = Network(capture(ChannelsLast(), inputs, name="permuted"))
    (expected,) = network.whole(inputs)
    assert network.table.last >= 3
    for cut in range(1, network.table.last):
        assert torch.equal(network.tail(cut)(over_the_wire(network.head(cut)(inputs)))[0], expected)


def test_workload() -> None:
    """Kinds, arithmetic (two per multiply-add) and traffic of each operation; views cost nothing."""
    module = nn.Sequential(nn.Conv2d(4, 8, 3, bias=False), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(32, 5))
    network = Network(capture(module, [torch.ones(1, 4, 6, 6)], name="work"))
    operations = network.whole.workload.operations
    kinds = [operation.kind for operation in operations]
    assert kinds == [
        OperationKind.CONVOLUTION,
        OperationKind.DEPTHWISE,
        OperationKind.VIEW,
        OperationKind.MATMUL,
    ]
    assert [operation.flops for operation in operations] == [2 * 8 * 16 * 4 * 9, 2 * 8 * 4 * 9, 0, 2 * 32 * 5]
    assert operations[0].size_bytes == 4 * (4 * 36 + 8 * 4 * 9 + 8 * 16)
    assert operations[2].size_bytes == 0
    assert operations[3].size_bytes == 4 * (32 + 32 * 5 + 5 + 5)


def test_ends_are_not_parts() -> None:
    """Before the first cut and after the last one there is nothing to run."""
    network = Network(skips_graph())
    last = network.table.last
    with pytest.raises(ValueError, match="cut 0"):
        network.head(0)
    with pytest.raises(ValueError, match=f"cut {last}"):
        network.tail(last)
    assert network.head(last) is network.whole is network.tail(0)
