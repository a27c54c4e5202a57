"""Small networks that engines must agree on, with inputs and what the plain parts answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.engines import Precision
from joulecut_runtime.networks.network import Network
from tests.networks.branching import Branching, Residual
from tests.networks.small_modules import ChannelsLast, Skips, ViewThenChange

TOLERANCE = {Precision.FP32: 1e-5, Precision.FP16: 1e-2, Precision.BF16: 1e-1}
"""Largest difference of an output from the fp32 answer on the CPU, of that output's largest magnitude."""

CASES: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "skips": (Skips, ((1, 3, 8, 8), (1, 5))),
    "branching": (Branching, ((1, 3, 16, 16),)),
    "residual": (Residual, ((1, 3, 8, 8),)),
    "channels last": (ChannelsLast, ((1, 3, 32, 32),)),
    "view then change": (ViewThenChange, ((2, 6),)),
}


@cache
def small_case(name: str) -> tuple[Network, tuple[Tensor, ...]]:
    """The network, seeded, and inputs for it."""
    module, shapes = CASES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        inputs = tuple(torch.randn(shape) for shape in shapes)
        return Network(capture(module(), inputs, name=name.replace(" ", "_"))), inputs


def error(actual: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The largest difference of any output, of that output's largest magnitude; infinite where one is no number."""
    assert [(a.dtype, a.shape, a.device) for a in actual] == [(e.dtype, e.shape, e.device) for e in expected]
    if not all(bool(a.isfinite().all()) for a in actual):
        return float("inf")
    return max(float((a - e).abs().max() / e.abs().max()) for a, e in zip(actual, expected, strict=True))
