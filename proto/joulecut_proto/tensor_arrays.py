"""Between numpy arrays and tensor frames, without a copy where the memory allows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from joulecut_core.errors import ContractError
from joulecut_core.networks import DTYPES, TensorSpec
from joulecut_core.tensor_frames import RAW, TensorFrame

_WITHOUT_NUMPY = frozenset({"bfloat16"})


def frame_of(name: str, array: npt.NDArray[Any]) -> TensorFrame:
    """A frame of `array`, whose memory it shares where that is contiguous and little endian.

    Raises ContractError where the element type may not cross a process border, or values are masked.
    """
    dtype = array.dtype.name
    if dtype not in DTYPES:
        raise ContractError(f"{name}: element type {dtype}; expected one of {', '.join(sorted(DTYPES))}")
    if np.ma.is_masked(array):
        masked = np.count_nonzero(np.ma.getmaskarray(array))
        raise ContractError(f"{name}: {masked} of {array.size} values are masked; expected all: array.filled(...) them")
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    spec = TensorSpec(name=name, dtype=dtype, shape=tuple(array.shape))
    # A view with a zero in its shape cannot be cast to bytes.
    payload = plain.reshape(-1).view(np.uint8).data if plain.size else b""
    return TensorFrame(spec=spec, payload=payload)


def array_of(frame: TensorFrame) -> npt.NDArray[Any]:
    """The array that a raw frame holds; shares the frame's memory.

    Raises ContractError for an encoded frame, an element type numpy lacks, or a payload of another length.
    """
    spec = frame.spec
    if frame.codec != RAW:
        raise ContractError(f"{spec.name}: encoded by {frame.codec!r}; decode it before reading it as an array")
    if spec.dtype in _WITHOUT_NUMPY:
        raise ContractError(f"{spec.name}: numpy has no {spec.dtype}; read the payload with a library that has")
    size_bytes = memoryview(frame.payload).nbytes
    if size_bytes != spec.size_bytes:
        raise ContractError(f"{spec.name}: {size_bytes} payload bytes; expected {spec.size_bytes} for {spec}")
    dtype = np.dtype(spec.dtype).newbyteorder("<")
    return np.frombuffer(frame.payload, dtype=dtype).reshape(spec.shape)
