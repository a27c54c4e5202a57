"""Tensors as a checked header and raw bytes: framing, chunks, and an assembler that trusts nothing.

    header:  [tensor 0: spec, codec, payload_bytes] [tensor 1: ...]  total_bytes
    payload: the tensors' payloads in order, cut into chunks that ignore tensor borders

The assembler checks the whole header before it allocates, then fills one buffer. Payloads are
contiguous, row major, little endian.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from joulecut_core.errors import ContractError
from joulecut_core.networks import DTYPES, MAX_CROSSING_BYTES, MAX_CROSSING_TENSORS, MAX_RANK, TensorSpec
from joulecut_core.tensor_frames import RAW, Payload, TensorFrame

CHUNK_BYTES = 1 << 20
"""Between 512 KiB and 1.5 MiB a stream moves large tensors fastest; fewer messages cost less."""

_ALIGNMENT_BYTES = 16
"""Every tensor starts here in the buffer, so that any element type can be read in place."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/\[\]-]{0,127}")
_CODEC = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLimits:
    """What one message may ask of the receiver.

    `payload_bytes` travel, `decoded_bytes` are what the tensors take once decoded.
    """

    tensors: int = MAX_CROSSING_TENSORS
    payload_bytes: int = 64 << 20
    decoded_bytes: int = MAX_CROSSING_BYTES


DEFAULT_LIMITS = FrameLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class WireTensor:
    """The header of one tensor: what it is once decoded, how it is encoded, how many bytes travel."""

    spec: TensorSpec
    payload_bytes: int
    codec: str = RAW
    codec_header: bytes = b""


class Described(Protocol):
    """What a header says of one tensor: a frame can tell it of itself."""

    @property
    def spec(self) -> TensorSpec:
        """What it is once decoded."""
        ...

    @property
    def payload_bytes(self) -> int:
        """How many bytes travel."""
        ...

    @property
    def codec(self) -> str:
        """How it is encoded."""
        ...

    @property
    def codec_header(self) -> bytes:
        """What the codec needs besides."""
        ...


def header_of(frame: Described) -> WireTensor:
    """What is sent ahead of a frame's payload."""
    return WireTensor(
        spec=frame.spec, payload_bytes=frame.payload_bytes, codec=frame.codec, codec_header=frame.codec_header
    )


def headers_of(frames: Sequence[Described]) -> tuple[WireTensor, ...]:
    """The headers of frames, in order."""
    return tuple(map(header_of, frames))


def total_bytes_of(tensors: Sequence[Described]) -> int:
    """Bytes that travel after the header."""
    return sum([tensor.payload_bytes for tensor in tensors])


def flat(payload: Payload) -> memoryview:
    """A payload as bytes, without a copy."""
    view = memoryview(payload)
    return view if view.ndim == 1 and view.format == "B" else view.cast("B")


def chunks_of(frames: Sequence[TensorFrame], chunk_bytes: int = CHUNK_BYTES) -> Iterator[list[memoryview]]:
    """The payloads of `frames` in order, in chunks of `chunk_bytes`, each as its pieces; only the last may be shorter.

    Nothing is copied.
    """
    if chunk_bytes < 1:
        raise ValueError(f"chunk_bytes is {chunk_bytes}; expected at least 1")
    pieces: list[memoryview] = []
    room = chunk_bytes
    for frame in frames:
        view = flat(frame.payload)
        while view.nbytes:
            piece, view = view[:room], view[room:]
            pieces.append(piece)
            room -= piece.nbytes
            if room == 0:
                yield pieces
                pieces, room = [], chunk_bytes
    if pieces:
        yield pieces


def check_spec(spec: TensorSpec, *, where: str) -> None:
    """Raise ContractError where a spec from the wire is not one: name, element type, rank, dimensions."""
    if not _NAME.fullmatch(spec.name):
        raise ContractError(f"{where}: name {_shown(spec.name)}; expected 1 to 128 of A-Z a-z 0-9 _ . : / [ ] -")
    if spec.dtype not in DTYPES:
        raise ContractError(f"{where}: element type {_shown(spec.dtype)}; expected one of {', '.join(sorted(DTYPES))}")
    if len(spec.shape) > MAX_RANK:
        raise ContractError(f"{where}: {len(spec.shape)} dimensions; expected at most {MAX_RANK}")
    if any(size < 0 for size in spec.shape):
        raise ContractError(f"{where}: shape {list(spec.shape)}; expected no negative dimension")


def check_header(tensors: Sequence[WireTensor], total_bytes: int, limits: FrameLimits = DEFAULT_LIMITS) -> None:
    """Raise ContractError where a header is malformed, contradicts itself, or asks for more than `limits`."""
    if len(tensors) > limits.tensors:
        raise ContractError(f"a message of {len(tensors)} tensors; expected at most {limits.tensors}")
    decoded_bytes = 0
    for index, tensor in enumerate(tensors):
        _check_tensor(tensor, where=f"tensors[{index}]")
        # A tensor without elements has no bytes however long its other sizes are, and nobody can make it.
        decoded_bytes += max((tensor.spec.size_bytes, *tensor.spec.shape))
    sum_bytes = total_bytes_of(tensors)
    if total_bytes != sum_bytes:
        raise ContractError(f"total_bytes is {total_bytes}; expected {sum_bytes}, the sum over the tensors")
    if total_bytes > limits.payload_bytes:
        raise ContractError(f"a payload of {total_bytes} bytes; expected at most {limits.payload_bytes}")
    if decoded_bytes > limits.decoded_bytes:
        raise ContractError(f"tensors of {decoded_bytes} bytes once decoded; expected at most {limits.decoded_bytes}")


class Assembler:
    """Collects the chunks of one message into one buffer.

    The constructor raises ContractError for a bad header; nothing is allocated before the first chunk is added.
    """

    def __init__(
        self, tensors: Sequence[WireTensor], total_bytes: int, *, limits: FrameLimits = DEFAULT_LIMITS
    ) -> None:
        check_header(tensors, total_bytes, limits)
        self._tensors = tuple(tensors)
        self._missing_bytes = total_bytes
        self._kept = True
        self._payloads: tuple[memoryview, ...] | None = None
        self._unfilled: list[memoryview] = []

    @property
    def missing_bytes(self) -> int:
        """Bytes still to come; 0 when complete."""
        return self._missing_bytes

    @property
    def kept(self) -> bool:
        """Whether there will be frames: nobody dropped them."""
        return self._kept

    def drop(self) -> None:
        """Keep nothing of what came and comes; the chunks are still counted."""
        self._kept = False
        self._payloads = None
        self._unfilled = []

    def add(self, chunk: Payload) -> None:
        """Take the next chunk; raises ContractError where it is empty or goes beyond the header's total."""
        view = flat(chunk)
        if not 0 < view.nbytes <= self._missing_bytes:
            raise ContractError(f"a chunk of {view.nbytes} bytes; expected {_expected(self._missing_bytes)}")
        if self._kept and self._payloads is None:
            self._allocate()
        self._missing_bytes -= view.nbytes
        while view.nbytes and self._kept:
            room = self._unfilled.pop()
            size_bytes = min(room.nbytes, view.nbytes)
            room[:size_bytes] = view[:size_bytes]
            view = view[size_bytes:]
            if size_bytes < room.nbytes:
                self._unfilled.append(room[size_bytes:])

    def _allocate(self) -> tuple[memoryview, ...]:
        starts = [0]
        for tensor in self._tensors:
            starts.append(_aligned(starts[-1] + tensor.payload_bytes))
        # Not zeroed: pages are only touched as chunks really arrive.
        buffer = np.empty(starts[-1], dtype=np.uint8).data
        self._payloads = tuple(
            buffer[start : start + tensor.payload_bytes] for start, tensor in zip(starts, self._tensors, strict=False)
        )
        self._unfilled = [payload for payload in reversed(self._payloads) if payload.nbytes]
        return self._payloads

    def frames(self) -> tuple[TensorFrame, ...]:
        """The tensors, their payloads read-only views into one buffer.

        Raises ContractError while incomplete, and where they were dropped.
        """
        if not self._kept:
            raise ContractError("the payload was dropped; expected one that was kept")
        if self._missing_bytes:
            raise ContractError(f"{self._missing_bytes} bytes of the payload are missing; expected them all first")
        payloads = self._allocate() if self._payloads is None else self._payloads
        return tuple(
            _frame(tensor, payload.toreadonly()) for tensor, payload in zip(self._tensors, payloads, strict=True)
        )


def frames_within(tensors: Sequence[WireTensor], payload: memoryview) -> tuple[TensorFrame, ...]:
    """The tensors of a whole payload, as read-only views into it; nothing is copied, and none need be aligned.

    `tensors` were checked, and `payload` has all of their bytes and no more.
    """
    payload = payload.toreadonly()
    if len(tensors) == 1:
        return (_frame(tensors[0], payload),)
    frames, start = [], 0
    for tensor in tensors:
        end = start + tensor.payload_bytes
        frames.append(_frame(tensor, payload[start:end]))
        start = end
    return tuple(frames)


def _frame(tensor: WireTensor, payload: memoryview) -> TensorFrame:
    return TensorFrame(spec=tensor.spec, payload=payload, codec=tensor.codec, codec_header=tensor.codec_header)


def _check_tensor(tensor: WireTensor, *, where: str) -> None:
    check_spec(tensor.spec, where=where)
    if not _CODEC.fullmatch(tensor.codec):
        raise ContractError(f"{where}: codec {_shown(tensor.codec)}; expected 1 to 32 of a-z 0-9 -")
    if tensor.payload_bytes < 0:
        raise ContractError(f"{where}: {tensor.payload_bytes} payload bytes; expected none or more")
    if tensor.codec == RAW and tensor.payload_bytes != tensor.spec.size_bytes:
        raise ContractError(
            f"{where}: {tensor.payload_bytes} payload bytes; expected {tensor.spec.size_bytes} for {tensor.spec}"
        )


def _expected(missing_bytes: int) -> str:
    return f"1 to {missing_bytes}" if missing_bytes else "none, all are there"


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
