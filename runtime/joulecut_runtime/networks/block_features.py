"""What each block of a captured network is, for models that predict its power."""

from __future__ import annotations

from joulecut_core.block_features import BlockFeatures, work_by_kind
from joulecut_runtime.networks.network import Network


def block_features(network: Network) -> tuple[BlockFeatures, ...]:
    """The features of every block, in order; `batch` is the first dimension of the network's first input."""
    shape = network.table.inputs[0].shape
    batch = shape[0] if shape else 1
    return tuple(_block_features(network, index, batch) for index in range(network.table.last))


def _block_features(network: Network, index: int, batch: int) -> BlockFeatures:
    table, block, part = network.table, network.table.blocks[index], network.steps()[index]
    known = {spec.name for spec in part.inputs}
    made = [spec for spec in part.outputs if spec.name not in known]
    largest = max(made, key=lambda spec: spec.size_bytes, default=None)
    return BlockFeatures(
        name=block.name,
        batch=batch,
        kinds=work_by_kind(block.operations),
        input_bytes=table.cuts[index].size_bytes,
        output_bytes=sum(spec.size_bytes for spec in made),
        output_shape=() if largest is None else largest.shape,
        weight_bytes=sum(buffer.nbytes for buffer in part.buffers()),
    )
