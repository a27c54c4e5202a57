"""Well-known networks are captured, cut at every candidate and put together again, to the bit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from joulecut.networks import efficientnet_lite0
from joulecut_runtime.capture import capture
from joulecut_runtime.network import Network
from tests.networks.receiving import over_the_wire
from tests.networks.zoo import NAMES, build

FOLDING_TOLERANCE = 1e-5
"""Of the outputs' largest magnitude."""


def assert_cuts_change_nothing(network: Network, inputs: Sequence[Tensor]) -> None:
    """Every head, tail and block gives the whole network's tensors, bit for bit."""
    (expected,) = network.whole(inputs)
    tensors = tuple(inputs)
    for cut, step in enumerate(network.steps()):
        if cut > 0:
            torch.testing.assert_close(network.head(cut)(inputs), tensors, rtol=0, atol=0)
            (answer,) = network.tail(cut)(over_the_wire(tensors))
            assert torch.equal(answer, expected), network.table.cuts[cut].name
        step.check_inputs(tensors)
        tensors = step(over_the_wire(tensors))
    assert torch.equal(tensors[0], expected)


@pytest.mark.parametrize("name", NAMES)
def test_zoo(name: str) -> None:
    """Each is captured without help, equals the eager module within the folding's rounding, and can be cut."""
    module, inputs = build(name)
    network = Network(capture(module, inputs, name=name))
    with torch.no_grad():
        expected = module(*inputs)
    (answer,) = network.whole(inputs)
    assert (answer - expected).abs().max() <= FOLDING_TOLERANCE * expected.abs().max()
    assert 10 <= len(network.table.cuts) <= 64
    assert len({cut.name for cut in network.table.cuts}) == len(network.table.cuts)
    assert_cuts_change_nothing(network, inputs)


def test_trained_network() -> None:
    """EfficientNet-Lite0 takes the picture itself, and its cuts are the blocks a reader of the paper knows."""
    picture = (torch.randint(0, 256, (1, 3, 224, 224), generator=torch.Generator().manual_seed(1)).to(torch.uint8),)
    module = efficientnet_lite0()
    network = Network(capture(module, picture, name="lite0"))
    with torch.no_grad():
        expected = module(*picture)
    assert (network.whole(picture)[0] - expected).abs().max() <= FOLDING_TOLERANCE * expected.abs().max()
    names = [cut.name for cut in network.table.cuts]
    assert names == ["input", *(f"blocks.{index}" for index in range(16)), "pool", "output"]
    assert network.table.cuts[0].size_bytes == 3 * 224 * 224
    # Counted by the authors of EfficientNet-Lite: 407 million multiply-adds, here with the activations.
    assert 2 * 385e6 < network.whole.workload.flops < 2 * 420e6
    assert_cuts_change_nothing(network, picture)
