"""Well-known networks are captured, cut and put together again, to the bit, and run as batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import pytest
import torch
from torch import Tensor, nn

from joulecut.networks import efficientnet_lite0
from joulecut_runtime.networks.network import Network
from tests.networks.receiving import over_the_wire
from tests.networks.zoo import NAMES, build_smaller, captured_lite0, captured_smaller
from tests.runtime.batched_answers import assert_alike, inputs_like
from tests.thoroughness import THOROUGH

EVERY = 1 if THOROUGH else 4
"""Of so many cuts one has its head and tail made and run; the blocks between the cuts are run all of them."""
LOOKED_AT = NAMES if THOROUGH else ("mobilenet_v2", "swin_t", "googlenet", "gpt2")
"""A chain with residuals, attention in shifted windows, branches that join, and a language model under a mask."""
FOLDING_TOLERANCE = 1e-5
"""Of the outputs' largest magnitude."""


def assert_cuts_change_nothing(network: Network, inputs: Sequence[Tensor]) -> None:
    """Every block, and the heads and tails looked at, give the whole network's tensors, bit for bit."""
    (expected,) = network.whole(inputs)
    tensors = tuple(inputs)
    for cut, step in enumerate(network.steps()):
        if cut > 0 and (cut - 1) % EVERY == 0:
            torch.testing.assert_close(network.head(cut)(inputs), tensors, rtol=0, atol=0)
            (answer,) = network.tail(cut)(over_the_wire(tensors))
            assert torch.equal(answer, expected), network.table.cuts[cut].name
        step.check_inputs(tensors)
        tensors = step(over_the_wire(tensors))
    assert torch.equal(tensors[0], expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A network as a module, inputs for it, and what was captured of it."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    network: Network


@lru_cache(maxsize=1)
def captured(name: str) -> Captured:
    """A network of the zoo; the last one is kept, since capturing takes longer than a test of it."""
    module, inputs = build_smaller(name)
    return Captured(module=module, inputs=inputs, network=Network(captured_smaller(name)))


@pytest.fixture(name="name", scope="module", params=LOOKED_AT)
def _name(request: pytest.FixtureRequest) -> str:
    """Of the module's scope, so that the tests of one network follow one another."""
    name: str = request.param
    return name


def test_zoo(name: str) -> None:
    """Each is captured without help, equals the eager module within the folding's rounding, and can be cut."""
    zoo = captured(name)
    module, inputs, network = zoo.module, zoo.inputs, zoo.network
    with torch.no_grad():
        expected = module(*inputs)
    (answer,) = network.whole(inputs)
    assert (answer - expected).abs().max() <= FOLDING_TOLERANCE * expected.abs().max()
    assert 10 <= len(network.table.cuts) <= 64
    assert len({cut.name for cut in network.table.cuts}) == len(network.table.cuts)
    assert_cuts_change_nothing(network, inputs)


def test_batches(name: str) -> None:
    """Every operator of the networks looked at runs as a batch."""
    zoo = captured(name)
    assert_alike(zoo.network, zoo.network.table.last // 3, inputs_like(zoo.inputs, 2))


def test_trained_network() -> None:
    """EfficientNet-Lite0 takes the picture itself, and its cuts are the blocks a reader of the paper knows."""
    picture = (torch.randint(0, 256, (1, 3, 224, 224), generator=torch.Generator().manual_seed(1)).to(torch.uint8),)
    module = efficientnet_lite0()
    network = Network(captured_lite0())
    with torch.no_grad():
        expected = module(*picture)
    assert (network.whole(picture)[0] - expected).abs().max() <= FOLDING_TOLERANCE * expected.abs().max()
    names = [cut.name for cut in network.table.cuts]
    assert names == ["input", *(f"blocks.{index}" for index in range(16)), "pool", "output"]
    assert network.table.cuts[0].size_bytes == 3 * 224 * 224
    # Counted by the authors of EfficientNet-Lite: 407 million multiply-adds, here with the activations.
    assert 2 * 385e6 < network.whole.workload.flops < 2 * 420e6
    assert_cuts_change_nothing(network, picture)
