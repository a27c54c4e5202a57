"""Parts of one direction of an inference stream, put together to whole items: a header and its tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from joulecut_core.errors import ContractError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.streaming.checksums import PayloadChecksum, chunk_checksum
from joulecut_proto.streaming.parts import Part
from joulecut_proto.tensors import Assembler, WireTensor, check_header, frames_within


class _Header(Protocol):
    @property
    def tensors(self) -> tuple[WireTensor, ...]: ...

    @property
    def total_bytes(self) -> int: ...


H = TypeVar("H", bound=_Header)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected(Generic[H]):
    """A whole item. `frames`: None where its payload was damaged on its way or dropped on purpose."""

    header: H
    frames: tuple[TensorFrame, ...] | None
    checksum: int


class Collector(Generic[H]):
    """Puts headers and chunks of one direction together: `begin` with each header, `take` every part."""

    def __init__(self) -> None:
        self._header: H | None = None
        self._kept = True
        self._assembler: Assembler | None = None
        """Of a payload that comes in several chunks, once the first is there."""
        self._checksum = PayloadChecksum()
        self._sound: tuple[tuple[WireTensor, ...], int] = ((), 0)
        """What was checked last: the next item is mostly like the one before."""

    def begin(self, header: H) -> None:
        """Expect this header's payload; allocates nothing. Raises ContractError out of turn or for a bad header."""
        if self._header is not None:
            missing_bytes = self._header.total_bytes if self._assembler is None else self._assembler.missing_bytes
            raise ContractError(f"a header while {missing_bytes} bytes of the item before it are missing")
        described = header.tensors, header.total_bytes
        if described != self._sound:
            check_header(*described)
            self._sound = described
        self._header = header
        self._kept = True

    def drop(self) -> None:
        """Keep nothing of the payload of the item that has begun; its chunks are still checked and counted."""
        self._kept = False
        if self._assembler is not None:
            self._assembler.drop()

    def take(self, part: Part) -> Collected[H] | None:
        """Take a part's chunk; the item where this was its last. Raises ContractError out of turn."""
        header = self._header
        if header is None:
            raise ContractError("a chunk without a header; expected a header first")
        size_bytes = part.chunk.nbytes
        if not size_bytes and part.header is not None:
            if header.total_bytes:
                return None
        elif self._assembler is not None or size_bytes != header.total_bytes:
            return self._take_piece(header, part)
        return self._whole(header, part)

    def _whole(self, header: H, part: Part) -> Collected[H]:
        """The item whose payload is all of one chunk, or nothing."""
        self._header = None
        chunk, checksum = part.chunk, 0
        kept = self._kept
        if kept and chunk.nbytes:
            checksum = chunk_checksum((chunk,))
            kept = checksum == part.chunk_checksum
        frames = frames_within(header.tensors, chunk) if kept else None
        return Collected(header=header, frames=frames, checksum=checksum)

    def _take_piece(self, header: H, part: Part) -> Collected[H] | None:
        assembler = self._assembler
        if assembler is None:
            assembler = Assembler(header.tensors, header.total_bytes)
            if not self._kept:
                assembler.drop()
            self._checksum = PayloadChecksum()
            self._assembler = assembler
        # Bytes are counted first: what is too long is no matter of damage.
        assembler.add(part.chunk)
        if assembler.kept and self._checksum.take(part.chunk) != part.chunk_checksum:
            assembler.drop()
        if assembler.missing_bytes:
            return None
        self._header = self._assembler = None
        frames = assembler.frames() if assembler.kept else None
        return Collected(header=header, frames=frames, checksum=self._checksum.value)
