"""The engine of INT8 variants: parts in integers by their network's scales, on this host's CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from joulecut_core.timing import Clock
from joulecut_core.workloads import Workload
from joulecut_runtime.engines import Border, EngineName, IntegerPrecision, PartSeconds
from joulecut_runtime.networks.parts import Part, laid_out
from joulecut_runtime.quantised.lowering import IntegerPart, lowered
from joulecut_runtime.quantised.packed_weights import PackedWeights
from joulecut_runtime.quantised.scales import Scales


class Int8Engine:
    """An Engine; see `joulecut_runtime.engines.Engine`. Weights are packed once, however many parts hold them."""

    name = EngineName.EAGER
    precision = IntegerPrecision.INT8

    def __init__(self, scales: Scales, *, clock: Clock) -> None:
        """`scales`: of the one network whose parts it will prepare. Raises ConfigError where this torch has no INT8."""
        self.torch_device = torch.device("cpu")
        self._scales = scales
        self._weights = PackedWeights(scales.weights)
        self._clock = clock

    def prepare(self, part: Part, *, entry: Border = Border.HOST, leaving: Border = Border.HOST) -> Int8Part:
        """The part, ready to run. Raises ConfigError where it does not fit the scales."""
        began_s = self._clock.now_s()
        made = lowered(part, self._scales, self._weights, entry=entry, leaving=leaving)
        return Int8Part(part, made, entry, self._clock, self._clock.now_s() - began_s)

    def synchronise(self) -> None:
        """Nothing: a CPU has done what was asked of it when the call returns."""


class Int8Part:
    """A PreparedPart; `kernels` are its convolutions and linear layers that compute in integers."""

    def __init__(self, part: Part, made: IntegerPart, entry: Border, clock: Clock, preparation_s: float) -> None:
        self.name = part.name
        self.workload: Workload = part.workload
        self.kernels = made.kernels
        self.preparation_s = preparation_s
        # Between two parts tensors stay as they were made; from a caller they come in the declared layout.
        self._strides = part.strides if entry is Border.HOST else None
        self.module = made.module
        """The operators and packed weights. Shared: not to be changed."""
        self._clock = clock

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The part's outputs."""
        with torch.inference_mode():
            if self._strides is not None:
                tensors = tuple(map(laid_out, tensors, self._strides))
            outputs: tuple[Tensor, ...] = self.module(*tensors)
            return outputs

    def timed(self, tensors: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], PartSeconds]:
        """As a plain call; a CPU copies nothing."""
        began_s = self._clock.now_s()
        outputs = self(tensors)
        return outputs, PartSeconds(copy_in_s=0.0, compute_s=self._clock.now_s() - began_s, copy_out_s=0.0)
