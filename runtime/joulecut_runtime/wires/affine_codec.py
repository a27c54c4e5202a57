"""Eight bits per number: `value = minimum + step * byte`, one pair of parameters per tensor or per channel.

The error of a number is at most half a step, plus float32's own rounding. A constant tensor has step
0 and comes back exactly. Infinities, NaN and spans beyond float32 have no step and are refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from joulecut_core.errors import ContractError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.workloads import Workload
from joulecut_runtime.wires.codec_checks import FLOAT_DTYPES, as_bytes, check_lengths, check_spec, from_bytes, spec_of
from joulecut_runtime.wires.plain_codecs import cast_workload, decode_raw, encode_raw

_LEVELS = 255.0
_SMALLEST_STEP = float(np.finfo(np.float32).smallest_subnormal)
_PARAMETER_BYTES = 8
"""Step and minimum, a float32 each."""
_ELEMENTS_PER_PARAMETERS = 16
"""A channel with fewer numbers than this would spend more than half a byte per number on its parameters."""


class AffineCodec:
    """Float tensors in 8 bits, other tensors raw. The header holds float32 pairs (step, minimum)."""

    lossless = False

    def __init__(self, *, per_channel: bool) -> None:
        self.name = "affine8c" if per_channel else "affine8"
        self._per_channel = per_channel

    def applies_to(self, specs: tuple[TensorSpec, ...], cut: int) -> bool:
        """Whether any tensor gets smaller; per channel only where a tensor has channels worth parameters."""
        del cut
        return any(
            spec.dtype in FLOAT_DTYPES and spec.elements > 0 and (not self._per_channel or self._axis(spec) is not None)
            for spec in specs
        )

    def encode(self, tensors: Sequence[Tensor]) -> tuple[TensorFrame, ...]:
        """The tensors in 8 bits; raises ContractError where one holds infinities, NaN or too wide a span."""
        return tuple(self._encode(tensor, index) for index, tensor in enumerate(tensors))

    def decode(self, encoded: Sequence[TensorFrame]) -> tuple[Tensor, ...]:
        """New tensors of the original element types; raises ContractError on wrong lengths or parameters."""
        return tuple(map(self._decode, encoded))

    def encode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """Two passes over each float tensor: one for its extremes, one to write the bytes."""
        return cast_workload([_passes(spec, 2) for spec in specs])

    def decode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """One pass over each tensor."""
        return cast_workload([_passes(spec, 1) for spec in specs])

    def _axis(self, spec: TensorSpec) -> int | None:
        """The channel axis: 1 of a picture [N, C, H, W], the last of a sequence [N, T, C]; None without one."""
        if not self._per_channel or len(spec.shape) < 3 or not spec.elements:
            return None
        axis = 1 if len(spec.shape) >= 4 else len(spec.shape) - 1
        enough = spec.elements // spec.shape[axis] >= _ELEMENTS_PER_PARAMETERS
        return axis if enough else None

    def _encode(self, tensor: Tensor, index: int) -> TensorFrame:
        spec = spec_of(tensor, str(index))
        if spec.dtype not in FLOAT_DTYPES or not spec.elements:
            return encode_raw(tensor, index, self.name)
        axis = self._axis(spec)
        numbers = tensor.detach().cpu().to(torch.float32)
        reduced = [dimension for dimension in range(numbers.dim()) if dimension != axis]
        low = numbers.amin(dim=reduced, keepdim=True) if reduced else numbers
        high = numbers.amax(dim=reduced, keepdim=True) if reduced else numbers
        step = _step(low, high, self.name, spec)
        levels = torch.where(step > 0, step, 1.0)
        quantised = ((numbers - low) / levels).round_().clamp_(0, _LEVELS).to(torch.uint8)
        header = torch.stack((step.reshape(-1), low.reshape(-1)), dim=1).contiguous()
        return TensorFrame(
            codec=self.name, spec=spec, codec_header=bytes(as_bytes(header)), payload=as_bytes(quantised)
        )

    def _decode(self, encoded: TensorFrame) -> Tensor:
        spec = encoded.spec
        if spec.dtype not in FLOAT_DTYPES or not spec.elements:
            return decode_raw(encoded)
        check_spec(spec)
        axis = self._axis(spec)
        channels = 1 if axis is None else spec.shape[axis]
        check_lengths(encoded, header_bytes=_PARAMETER_BYTES * channels, payload_bytes=spec.elements)
        parameters = np.frombuffer(encoded.codec_header, dtype="<f4").reshape(channels, 2).astype(np.float32)
        _check_parameters(parameters, encoded)
        shape = [channels if dimension == axis else 1 for dimension in range(len(spec.shape))]
        step, low = (torch.from_numpy(parameters[:, column].copy()).reshape(shape) for column in (0, 1))
        numbers = from_bytes(encoded.payload, "uint8", spec.shape).to(torch.float32)
        return numbers.mul_(step).add_(low).to(getattr(torch, spec.dtype))


def _step(low: Tensor, high: Tensor, codec: str, spec: TensorSpec) -> Tensor:
    """Distance of neighbouring levels, float32; at least the smallest positive number where values differ."""
    step = (high - low) / _LEVELS
    if not bool(torch.isfinite(low).all() and torch.isfinite(high).all() and torch.isfinite(step * _LEVELS).all()):
        raise ContractError(
            f"tensor {spec.name!r} of {spec} spans {float(low.min())} to {float(high.max())}; "
            f"expected finite values for {codec}: send it as raw"
        )
    return torch.where((high > low) & (step == 0), torch.full_like(step, _SMALLEST_STEP), step)


def _check_parameters(parameters: np.ndarray[tuple[int, int], np.dtype[np.float32]], encoded: TensorFrame) -> None:
    # A signalling NaN is refused below: no reason for a warning to standard error.
    with np.errstate(invalid="ignore"):
        step, low = parameters[:, 0].astype(np.float64), parameters[:, 1].astype(np.float64)
    top = np.abs(step * _LEVELS)
    limit = float(np.finfo(np.float32).max)
    good = np.isfinite(step) & np.isfinite(low) & (step >= 0) & (top <= limit)
    if not bool(good.all()):
        channel = int(np.argmin(good))
        raise ContractError(
            f"tensor {encoded.spec.name!r} of {encoded.spec} has {encoded.codec} parameters step={step[channel]:g}, "
            f"minimum={low[channel]:g} for channel {channel}; expected finite numbers, the step not negative"
        )


def _passes(spec: TensorSpec, reads: int) -> tuple[int, int]:
    if spec.dtype not in FLOAT_DTYPES:
        return (spec.size_bytes, spec.size_bytes)
    return (reads * spec.size_bytes, math.prod(spec.shape))
