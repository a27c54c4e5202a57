"""Every place where a network could be cut: candidates are the planners', the others are left out for a reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from joulecut.cuts.places import Verdict, codec_sizes, count_verdicts, places
from joulecut.networks.packing import build_module
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.cutting import crossings, dense_bytes
from joulecut_runtime.networks.graph import Graph
from joulecut_runtime.networks.network import Network


class Shared(nn.Module):
    """Two views of one tensor cross between its ends."""

    def forward(self, value: Tensor) -> Tensor:
        wide = torch.relu(value)
        left, right = wide[:, :2], wide[:, 2:]
        return torch.sigmoid(left) + torch.sigmoid(right)


def skips() -> Graph:
    """A network with a skip connection and two inputs."""
    module = build_module("tests.networks.small_modules:skips")
    return capture(module, [torch.zeros(1, 3, 8, 8), torch.zeros(1, 5)], name="skips")


@pytest.mark.parametrize(
    "graph",
    [
        pytest.param(skips, id="skips"),
        pytest.param(lambda: capture(Shared(), [torch.zeros(2, 4)], name="shared"), id="shared"),
    ],
)
def test_every_place_has_a_verdict(graph: Callable[[], Graph]) -> None:
    """Candidates are the cut table's, in order; what is left out is no cheaper than the candidate it names."""
    made = graph()
    network, found = Network(made), places(made)
    assert [place.position for place in found] == list(range(len(made.nodes) + 1))
    assert [place.cut for place in found if place.verdict is Verdict.CANDIDATE] == list(range(len(network.table.cuts)))
    across = crossings(made)
    for place in found:
        if place.verdict is Verdict.CANDIDATE:
            assert place.cut is not None
            assert place.size_bytes == network.table.cuts[place.cut].size_bytes
        if place.verdict is Verdict.DEARER:
            assert place.cut is not None
            beside = network.table.cuts[place.cut].tensors
            assert sum(map(dense_bytes, beside)) <= sum(map(dense_bytes, across[place.position].values))
    assert sum(count_verdicts(found).values()) == len(found)


def test_shared_memory_is_not_legal() -> None:
    """Views of one tensor would lie differently once rebuilt: no cut goes through them."""
    found = places(capture(Shared(), [torch.zeros(2, 4)], name="shared"))
    assert count_verdicts(found)[Verdict.SHARED] > 0
    assert all(place.cut is None for place in found if place.verdict is Verdict.SHARED)


def test_sizes_are_those_that_cross() -> None:
    """Bytes by codec as a codec really gives them, denser ones smaller; nothing at the last cut."""
    table = Network(skips()).table
    for cut in table.cuts[:-1]:
        sizes = codec_sizes(table, cut.index)
        assert sizes["raw"] == cut.size_bytes
    sizes = codec_sizes(table, 0)
    assert sizes["raw"] > sizes["fp16"] > sizes["affine8"]
    assert codec_sizes(table, table.last) == {}
