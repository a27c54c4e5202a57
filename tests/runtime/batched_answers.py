"""What a batch must answer: each of its requests what it gets alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from joulecut_core.timing import ManualClock
from joulecut_runtime.engines import EngineNetwork, open_engine
from joulecut_runtime.execution.batched_parts import BatchedPart
from joulecut_runtime.networks.network import Network

TOLERANCE = 1e-5
"""Of the outputs' largest magnitude: larger kernels add up in another order."""


def engine_network(network: Network) -> EngineNetwork:
    """The network on the plain engine."""
    return EngineNetwork(network, open_engine(clock=ManualClock()))


def inputs_like(inputs: Sequence[Tensor], count: int) -> list[tuple[Tensor, ...]]:
    """Inputs of so many requests, no two alike."""
    generator = torch.Generator().manual_seed(4)
    return [
        tuple(
            torch.randint(0, 1000, tensor.shape, generator=generator)
            if tensor.dtype == torch.int64
            else torch.randn(tensor.shape, generator=generator)
            for tensor in inputs
        )
        for _ in range(count)
    ]


def assert_alike(network: Network, cut: int, requests: Sequence[tuple[Tensor, ...]]) -> None:
    """Everything behind a cut, for all requests at once and for each alone."""
    crossing = [request if cut == 0 else network.head(cut)(request) for request in requests]
    part = network.stretch(cut, network.table.last)
    batched = BatchedPart(engine_network(network), part)
    assert batched.together
    assert batched.workload(1) == part.workload
    for tensors, outputs in zip(crossing, batched(crossing), strict=True):
        for expected, answer in zip(part(tensors), outputs, strict=True):
            assert answer.shape == expected.shape
            assert (answer - expected).abs().max() <= TOLERANCE * max(float(expected.abs().max()), 1e-3)
