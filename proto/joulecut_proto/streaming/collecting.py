"""Parts of one direction of an inference stream, put together to whole items: a header and its tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from joulecut_core.errors import ContractError
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.streaming.checksums import PayloadChecksum
from joulecut_proto.streaming.parts import Part
from joulecut_proto.tensors import DEFAULT_LIMITS, Assembler, FrameLimits, WireTensor


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

    def __init__(self, limits: FrameLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._header: H | None = None
        self._assembler: Assembler | None = None
        self._checksum = PayloadChecksum()

    def begin(self, header: H) -> None:
        """Expect this header's payload; allocates nothing. Raises ContractError out of turn or for a bad header."""
        if self._assembler is not None:
            raise ContractError(
                f"a header while {self._assembler.missing_bytes} bytes of the item before it are missing"
            )
        self._assembler = Assembler(header.tensors, header.total_bytes, limits=self._limits)
        self._header = header
        self._checksum = PayloadChecksum()

    def drop(self) -> None:
        """Keep nothing of the payload of the item that has begun; its chunks are still checked and counted."""
        if self._assembler is not None:
            self._assembler.drop()

    def take(self, part: Part) -> Collected[H] | None:
        """Take a part's chunk; the item where this was its last. Raises ContractError out of turn."""
        header, assembler = self._header, self._assembler
        if header is None or assembler is None:
            raise ContractError("a chunk without a header; expected a header first")
        if part.chunk.nbytes or part.header is None:
            # Bytes are counted first: what is too long is no matter of damage.
            assembler.add(part.chunk)
            if assembler.kept and self._checksum.take(part.chunk) != part.chunk_checksum:
                assembler.drop()
        if assembler.missing_bytes:
            return None
        self._header = self._assembler = None
        frames = assembler.frames() if assembler.kept else None
        return Collected(header=header, frames=frames, checksum=self._checksum.value)
