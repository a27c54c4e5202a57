"""Recorded parts: what a replay reads and writes, over a graph that replays on the CPU. On CUDA: test_cuda."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from joulecut_runtime.engines.cuda_graph import RecordedPart


class Doubling(nn.Module):
    """Two outputs of one input."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * 2, x.sum(dim=0)


class ReplayOnTheCpu:
    """Computes from the static inputs into the static outputs, as a recorded graph does."""

    def __init__(self, module: nn.Module, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> None:
        self._module, self._inputs, self._outputs = module, inputs, outputs

    def replay(self) -> None:
        for static, computed in zip(self._outputs, self._module(*self._inputs), strict=True):
            static.copy_(computed)


def test_a_replay_computes_from_the_tensors_given() -> None:
    """The recorded kernels read fixed addresses: each request's tensors have to be put there first."""
    module = fx.symbolic_trace(Doubling())
    static = (torch.zeros(3, 2),)
    outputs: tuple[Tensor, ...] = module(*static)
    part = RecordedPart(ReplayOnTheCpu(module, static, outputs), module, static, outputs)
    for factor in (1.0, -3.0):
        request = torch.arange(6.0).reshape(3, 2) * factor
        doubled, total = part(request)
        assert torch.equal(doubled, request * 2)
        assert torch.equal(total, request.sum(dim=0))
        assert doubled is outputs[0]
