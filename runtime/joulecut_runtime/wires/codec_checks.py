"""What every codec checks before it allocates, and the bytes of tensors.

What arrives was written by another machine: a decoder believes neither shape, nor length, nor values.
All payloads and headers are little-endian, the order of every machine joulecut runs on.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from joulecut_core.errors import ContractError
from joulecut_core.networks import DTYPES, MAX_RANK, TensorSpec
from joulecut_core.tensor_frames import Payload, TensorFrame

MAX_TENSOR_BYTES = 256 << 20
"""A decoded tensor larger than this is refused, however few bytes of it travel."""

FLOAT_DTYPES = frozenset({"float16", "bfloat16", "float32", "float64"})


def spec_of(tensor: Tensor, name: str) -> TensorSpec:
    """The description of a tensor; raises ContractError where its element type cannot cross."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in DTYPES:
        raise ContractError(f"tensor {name!r} is {dtype}; expected one of {', '.join(sorted(DTYPES))}")
    return TensorSpec(name=name, dtype=dtype, shape=tuple(tensor.shape))


def check_spec(spec: TensorSpec) -> None:
    """Raise ContractError unless a description that came over the wire may be allocated."""
    if spec.dtype not in DTYPES:
        raise ContractError(f"tensor {spec.name!r} is {spec.dtype!r}; expected one of {', '.join(sorted(DTYPES))}")
    if len(spec.shape) > MAX_RANK or any(extent < 0 for extent in spec.shape):
        raise ContractError(
            f"tensor {spec.name!r} has shape {list(spec.shape)[: MAX_RANK + 1]}; "
            f"expected at most {MAX_RANK} extents, none negative"
        )
    # A tensor without elements has no bytes however long its other sizes are, and torch cannot make it.
    size_bytes = max((spec.size_bytes, *spec.shape))
    if size_bytes > MAX_TENSOR_BYTES:
        raise ContractError(f"tensor {spec.name!r} has {size_bytes} bytes; expected at most {MAX_TENSOR_BYTES}")


def check_lengths(encoded: TensorFrame, *, header_bytes: int, payload_bytes: int) -> None:
    """Raise ContractError unless header and payload have exactly the lengths that codec and shape imply."""
    for part, actual, expected in (
        ("header", len(encoded.codec_header), header_bytes),
        ("payload", encoded.payload_bytes, payload_bytes),
    ):
        if actual != expected:
            raise ContractError(
                f"tensor {encoded.spec.name!r} of {encoded.spec} has a {encoded.codec} {part} of {actual} bytes; "
                f"expected {expected}"
            )


def as_bytes(tensor: Tensor) -> memoryview:
    """The tensor's elements as bytes: a view where it is contiguous in host memory, else of one copy."""
    return flat_bytes(tensor.detach().cpu()).numpy().data


def flat_bytes(tensor: Tensor) -> Tensor:
    """The tensor's elements as one row of bytes, where it lies: a view where it is contiguous, else of one copy."""
    # A single element is contiguous to torch whatever its strides are, and bytes want a last one of 1.
    return tensor.contiguous().unsqueeze(-1).view(torch.uint8).reshape(-1)


def from_bytes(payload: Payload, dtype: str, shape: tuple[int, ...]) -> Tensor:
    """A new tensor of `shape` filled from `payload`, whose length was checked.

    Copies: a view of a receive buffer would be read-only or unaligned, and unaligned operands make
    some kernels round differently, which would break bit-equality with the unsplit network.
    """
    tensor = torch.empty(shape, dtype=getattr(torch, dtype))
    if math.prod(shape):
        tensor.reshape(-1).view(torch.uint8).numpy()[:] = np.frombuffer(payload, dtype=np.uint8)
    return tensor
