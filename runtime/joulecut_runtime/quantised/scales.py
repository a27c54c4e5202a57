"""What turns a network into its INT8 variant: which operators compute in integers, and the scale of each value.

The weights stay those of the network, in full precision; they are rounded when a part is prepared. So scales are
small, hold no code, and say all that a calibration found out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from joulecut_core.decoding import show
from joulecut_core.errors import BundleError, ConfigError

ACTIVATION_LEVELS = 255
"""Activations are whole numbers from 0 to this."""
WEIGHT_LEVELS = 127
"""Weights are whole numbers from minus this to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How a real number x stands for a whole one: x = scale * (q - zero_point), q from 0 to ACTIVATION_LEVELS."""

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not 0.0 < self.scale < math.inf or not 0 <= self.zero_point <= ACTIVATION_LEVELS:
            raise BundleError(
                f"scale {self.scale!r}, zero point {self.zero_point!r}; expected a finite scale above 0 and a zero "
                f"point of 0 to {ACTIVATION_LEVELS}"
            )

    @classmethod
    def of_range(cls, low: float, high: float) -> Scale:
        """The scale that covers [low, high] and zero, zero being one of its values."""
        low, high = min(low, 0.0), max(high, 0.0)
        step = (high - low) / ACTIVATION_LEVELS
        if step < torch.finfo(torch.float32).tiny:
            return cls(scale=1.0, zero_point=0)
        # Operators hold scales in single precision; what stands in a file is what they compute with.
        step = float(torch.tensor(step, dtype=torch.float32))
        return cls(scale=step, zero_point=min(max(round(-low / step), 0), ACTIVATION_LEVELS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scales:
    """The calibration of one network. Names are those of the graph's values and nodes. Equal by identity.

    `integer`: node -> the value that it gives: its own, or that of the activation that is computed with it.
    `kernels`: the convolutions and linear layers among them, with a weight scale per output channel in `weights`.
    `values`: the scale of each value that stands in whole numbers anywhere. `calibrated_on`: what was looked at,
    in words.
    """

    network_digest: str
    calibrated_on: str
    values: Mapping[str, Scale]
    integer: Mapping[str, str]
    kernels: tuple[str, ...]
    weights: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        for node, gives in self.integer.items():
            if gives not in self.values:
                raise BundleError(
                    f"integer.{node}: {show(gives)} has no scale; expected one in values: calibrate again"
                )
        if not set(self.kernels) <= set(self.integer) or set(self.kernels) != set(self.weights):
            raise BundleError("kernels, integer and weights name different nodes; calibrate again")
        for node, weight in self.weights.items():
            if weight.dtype != torch.float32 or weight.dim() != 1 or not bool(((weight > 0) & weight.isfinite()).all()):
                raise BundleError(f"weights.{node}: expected finite numbers above 0 in float32, one per output channel")


def check_count(kernels: Sequence[str], scales: Scales, network: str) -> None:
    """Raise ConfigError where a whole network computes fewer operators in integers than its scales name."""
    if len(kernels) != len(scales.kernels):
        raise ConfigError(
            f"{network}: {len(kernels)} convolutions and linear layers compute in integers; expected "
            f"{len(scales.kernels)}: the scales are of a network with other names, calibrate this one"
        )
