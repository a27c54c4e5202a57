"""Weights of convolutions and linear layers in eight bits, as torch's oneDNN kernels want them; made once a kernel.

Packing is where torch decides which library computes: oneDNN here, whose sums do not overflow with all eight bits of
an activation in use. FBGEMM's would, on CPUs without VNNI.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TypeAlias

import torch
from torch import Tensor

from joulecut_core.errors import ConfigError

ENGINE = "onednn"
Packed: TypeAlias = torch.ScriptObject
"""A kernel's weights, bias and geometry, ready to run."""


def integer_obstacle() -> str | None:
    """Why INT8 cannot run on this host's CPU, with the remedy; None where nothing stands in its way."""
    supported = torch.backends.quantized.supported_engines
    if ENGINE not in supported:
        return (
            f"this torch quantises with {', '.join(supported) or 'nothing'}, not with {ENGINE}, which int8 needs; "
            "install a torch for x86-64 or use fp32 or bf16"
        )
    if not hasattr(torch, "quantize_per_channel"):
        return f"torch {torch.__version__} has no quantised tensors any more; install torch 2.13, or use fp32 or bf16"
    return None


class PackedWeights:
    """Kernels by name, each packed when first asked for and shared by all parts that hold it."""

    def __init__(self, scales: Mapping[str, Tensor]) -> None:
        """`scales`: of each kernel's weight, per output channel. Raises ConfigError where INT8 cannot run."""
        obstacle = integer_obstacle()
        if obstacle is not None:
            raise ConfigError(f"int8: {obstacle}")
        _note_deprecation_quietly()
        self._scales = scales
        self._packed: dict[tuple[object, ...], Packed] = {}

    def convolution(
        self,
        name: str,
        weight: Tensor,
        bias: Tensor | None,
        *,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
    ) -> Packed:
        """The convolution `name`, with that much zero padding of its own."""
        key = (name, *padding)
        if key not in self._packed:
            quantised = self._quantised(name, weight)
            with _packing():
                self._packed[key] = torch.ops.quantized.conv2d_prepack(
                    quantised, bias, list(stride), list(padding), list(dilation), groups
                )
        return self._packed[key]

    def linear(self, name: str, weight: Tensor, bias: Tensor | None) -> Packed:
        """The linear layer `name`."""
        key = (name,)
        if key not in self._packed:
            quantised = self._quantised(name, weight)
            with _packing():
                self._packed[key] = torch.ops.quantized.linear_prepack(quantised, bias)
        return self._packed[key]

    def _quantised(self, name: str, weight: Tensor) -> Tensor:
        scales = self._scales[name]
        if len(scales) != len(weight):
            raise ConfigError(
                f"int8: {name} has {len(weight)} output channels and {len(scales)} weight scales; expected as many: "
                "the scales are of another network"
            )
        zeros = torch.zeros(len(scales), dtype=torch.int64)
        return torch.quantize_per_channel(weight.detach().contiguous(), scales, zeros, 0, torch.qint8)


@cache
def _note_deprecation_quietly() -> None:
    """Torch says once in a process that quantised tensors will go; `integer_obstacle` tells users once they have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.quint8)


@contextmanager
def _packing() -> Iterator[None]:
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = ENGINE
    try:
        yield
    finally:
        torch.backends.quantized.engine = before
