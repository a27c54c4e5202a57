"""The codecs without parameters: the bytes as they are, and half precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from joulecut_core.errors import ContractError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_core.workloads import Operation, OperationKind, Workload
from joulecut_runtime.wires.codec_checks import as_bytes, check_lengths, check_spec, from_bytes, spec_of

_WIDE_FLOATS = frozenset({"float32", "float64"})
_HALF_MAX = 65504.0
"""The largest finite half-precision number."""


class RawCodec:
    """Every element as it is: lossless, for every tensor."""

    name = "raw"
    lossless = True

    def applies_to(self, specs: tuple[TensorSpec, ...], cut: int) -> bool:
        """Whether this codec is worth offering for these tensors: always."""
        del specs, cut
        return True

    def encode(self, tensors: Sequence[Tensor]) -> tuple[TensorFrame, ...]:
        """Views of the tensors' bytes."""
        return tuple(encode_raw(tensor, index, self.name) for index, tensor in enumerate(tensors))

    def decode(self, encoded: Sequence[TensorFrame]) -> tuple[Tensor, ...]:
        """New tensors, bit for bit those that were encoded; raises ContractError on a wrong length."""
        return tuple(map(decode_raw, encoded))

    def encode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """One copy of each tensor, made when it is framed."""
        return cast_workload([(spec.size_bytes, spec.size_bytes) for spec in specs])

    def decode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """One copy of each tensor out of the receive buffer."""
        return self.encode_workload(specs)


class HalfCodec:
    """float32 and float64 as float16; other tensors raw.

    Rounds to nearest: the error of a float32 is at most half a unit in float16's last place. Finite
    values beyond +-65504 become +-65504; infinities and NaN stay what they are.
    """

    name = "fp16"
    lossless = False

    def applies_to(self, specs: tuple[TensorSpec, ...], cut: int) -> bool:
        """Whether any tensor gets smaller."""
        del cut
        return any(spec.dtype in _WIDE_FLOATS for spec in specs)

    def encode(self, tensors: Sequence[Tensor]) -> tuple[TensorFrame, ...]:
        """The tensors in half precision."""
        return tuple(self._encode(tensor, index) for index, tensor in enumerate(tensors))

    def decode(self, encoded: Sequence[TensorFrame]) -> tuple[Tensor, ...]:
        """New tensors of the original element types; raises ContractError on a wrong length."""
        return tuple(map(self._decode, encoded))

    def encode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """One pass over each tensor."""
        return cast_workload([(spec.size_bytes, _half_bytes(spec)) for spec in specs])

    def decode_workload(self, specs: Sequence[TensorSpec]) -> Workload:
        """One pass over each tensor."""
        return self.encode_workload(specs)

    def _encode(self, tensor: Tensor, index: int) -> TensorFrame:
        spec = spec_of(tensor, str(index))
        if spec.dtype not in _WIDE_FLOATS:
            return encode_raw(tensor, index, self.name)
        half = tensor.to(torch.float16)
        if bool(torch.isinf(half).any()):
            clamped = tensor.clamp(-_HALF_MAX, _HALF_MAX).to(torch.float16)
            half = torch.where(torch.isinf(tensor), half, clamped)
        return TensorFrame(codec=self.name, spec=spec, codec_header=b"", payload=as_bytes(half))

    def _decode(self, encoded: TensorFrame) -> Tensor:
        spec = encoded.spec
        if spec.dtype not in _WIDE_FLOATS:
            return decode_raw(encoded)
        check_spec(spec)
        check_lengths(encoded, header_bytes=0, payload_bytes=_half_bytes(spec))
        return from_bytes(encoded.payload, "float16", spec.shape).to(getattr(torch, spec.dtype))


def encode_raw(tensor: Tensor, index: int, codec: str) -> TensorFrame:
    """A tensor's bytes under a codec that leaves tensors of this type alone."""
    return TensorFrame(codec=codec, spec=spec_of(tensor, str(index)), codec_header=b"", payload=as_bytes(tensor))


def decode_raw(encoded: TensorFrame) -> Tensor:
    """The reverse of `encode_raw`; raises ContractError on a wrong length or a bool that is none."""
    spec = encoded.spec
    check_spec(spec)
    check_lengths(encoded, header_bytes=0, payload_bytes=spec.size_bytes)
    if spec.dtype == "bool" and spec.elements:
        largest = int(np.frombuffer(encoded.payload, dtype=np.uint8).max())
        if largest > 1:
            raise ContractError(f"tensor {spec.name!r} of {spec} holds the byte {largest}; expected 0 or 1")
    return from_bytes(encoded.payload, spec.dtype, spec.shape)


def cast_workload(read_and_written: Sequence[tuple[int, int]]) -> Workload:
    """One pass of the host's CPU per tensor: bytes on the one side, bytes on the other."""
    return Workload(
        blocks=(
            tuple(
                Operation(kind=OperationKind.HOST_CAST, flops=0.0, size_bytes=float(read + written))
                for read, written in read_and_written
            ),
        )
    )


def _half_bytes(spec: TensorSpec) -> int:
    return 2 * spec.elements if spec.dtype in _WIDE_FLOATS else spec.size_bytes
