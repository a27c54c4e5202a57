"""What an engine is: it prepares parts of networks for one torch device and one precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import torch
from torch import Tensor

from joulecut_core.workloads import Workload
from joulecut_runtime.networks.parts import Part


class EngineName(str, Enum):
    """The ways of running a part. The value stands in profile keys."""

    EAGER = "eager"
    """One kernel after the other, each launched by Python."""
    COMPILE = "compile"
    """`torch.compile`: operators fused into fewer kernels, launched by generated code."""
    CUDA_GRAPH = "cuda-graph"
    """The eager kernels recorded once and launched together; CUDA only."""


class Precision(str, Enum):
    """The element type in which float32 tensors are computed. The value stands in profile keys."""

    FP32 = "fp32"
    """As captured; on CUDA in IEEE single precision, never TF32."""
    FP16 = "fp16"
    BF16 = "bf16"

    @property
    def dtype(self) -> torch.dtype:
        """What torch calls it."""
        return {Precision.FP32: torch.float32, Precision.FP16: torch.float16, Precision.BF16: torch.bfloat16}[self]


class IntegerPrecision(str, Enum):
    """Precisions in which convolutions and linear layers are computed in integers. The value stands in profile keys."""

    INT8 = "int8"
    """Eight bits for activations and weights, by the network's scales (`joulecut_runtime.quantised`)."""


class Border(str, Enum):
    """Where tensors lie that enter or leave a prepared part."""

    HOST = "host"
    """In the host's memory and in the network's declared element types: what applications and codecs see."""
    DEVICE = "device"
    """On the torch device and in the precision's element type: what the next part there takes without a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSeconds:
    """Where one run's time went: copies to the device, computing, copies back; by the device's own events."""

    copy_in_s: float
    compute_s: float
    copy_out_s: float


class PreparedPart(Protocol):
    """A part that is ready to run on its engine's device. One thread at a time."""

    @property
    def name(self) -> str:
        """The part's name."""
        ...

    @property
    def workload(self) -> Workload:
        """What running it asks of a device; one block per block of the cut table."""
        ...

    @property
    def preparation_s(self) -> float:
        """Seconds that moving weights, compiling and recording took; no run repeats them."""
        ...

    def __call__(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The part's outputs, in the declared element types and the host's memory unless prepared otherwise.

        `tensors` must fit the part's `inputs`. Outputs on the host are the caller's own, and whatever computed
        them is done. Those left on the device may still be in the making, and last until the part runs again.
        Raises DeviceError where the device fails.
        """
        ...

    def timed(self, tensors: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], PartSeconds]:
        """As a plain call, with the time of each stage. Waits for the device at the end."""
        ...


class Engine(Protocol):
    """Prepares parts for one torch device and precision, and runs them in one order. One thread at a time."""

    @property
    def name(self) -> EngineName:
        """The way it runs parts."""
        ...

    @property
    def precision(self) -> Precision | IntegerPrecision:
        """What it computes in."""
        ...

    @property
    def torch_device(self) -> torch.device:
        """Where it computes."""
        ...

    def prepare(self, part: Part, *, entry: Border = Border.HOST, leaving: Border = Border.HOST) -> PreparedPart:
        """The part, ready to run: weights moved (once, however many parts share them), compiled, warm.

        Raises ConfigError where this engine or precision cannot run it, DeviceError where the device fails.
        """
        ...

    def synchronise(self) -> None:
        """Wait until everything asked of the device so far is done."""
        ...
