"""Features of captured blocks: what the graph says, block by block."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from joulecut_core.block_features import BlockFeatures
from joulecut_core.workloads import OperationKind
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks.block_features import block_features
from joulecut_runtime.networks.network import Network
from tests.networks.small_modules import Skips


@pytest.fixture(scope="module")
def network() -> Network:
    """Convolutions with a skip over everything."""
    inputs: tuple[Tensor, ...] = (torch.randn(1, 3, 16, 16), torch.randn(1, 5))
    return Network(capture(Skips().eval(), inputs, name="skips"))


@pytest.fixture(scope="module")
def blocks(network: Network) -> tuple[BlockFeatures, ...]:
    """Its blocks."""
    return block_features(network)


def test_work_is_the_cut_tables(network: Network, blocks: tuple[BlockFeatures, ...]) -> None:
    """Nothing of the network's arithmetic and traffic is lost, and names match."""
    assert [block.name for block in blocks] == [block.name for block in network.table.blocks]
    for features, block in zip(blocks, network.table.blocks, strict=True):
        assert features.flops == pytest.approx(block.flops)
        assert features.size_bytes == pytest.approx(block.size_bytes)
        assert OperationKind.VIEW not in {work.kind for work in features.kinds}


def test_weights_are_counted_where_they_are_read(network: Network, blocks: tuple[BlockFeatures, ...]) -> None:
    """Together the blocks read every weight of the captured network once."""
    weights = sum(constant.nbytes for constant in network.graph.constants.values())
    assert sum(block.weight_bytes for block in blocks) == weights > 0


def test_only_what_a_block_makes_is_its_output(network: Network, blocks: tuple[BlockFeatures, ...]) -> None:
    """A tensor that skips a block goes in and out of it but is not made by it."""
    first, last = blocks[0], blocks[-1]
    cut = network.table.cuts[1]
    carried = {spec.name for spec in network.table.inputs}
    made = [spec for spec in cut.tensors if spec.name not in carried]
    assert first.input_bytes == network.table.cuts[0].size_bytes
    assert first.output_bytes == sum(spec.size_bytes for spec in made) < cut.size_bytes
    assert first.output_shape == max(made, key=lambda spec: spec.size_bytes).shape
    assert last.output_shape in {spec.shape for spec in network.table.outputs}


def test_a_batch_is_more_work_on_the_same_weights() -> None:
    """The batch is the inputs' first dimension, and scales arithmetic and outputs but no weights."""
    one, three = (
        block_features(Network(capture(nn.Conv2d(3, 8, 3).eval(), (torch.randn(batch, 3, 16, 16),), name="conv")))
        for batch in (1, 3)
    )
    assert ({block.batch for block in one}, {block.batch for block in three}) == ({1}, {3})
    assert sum(block.flops for block in three) == pytest.approx(3 * sum(block.flops for block in one))
    assert three[-1].output_bytes == 3 * one[-1].output_bytes
    assert three[-1].weight_bytes == one[-1].weight_bytes
