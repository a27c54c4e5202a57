"""Messages of an inference stream, written and read as bytes: a chunk is copied once, and not at all when read.

`InferencePart` of inference.proto says what they hold. The protobuf library copies a bytes field twice each way, so
the order of fields that this side writes is read and written here; any other goes through the library.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from joulecut_core.errors import LinkError
from joulecut_core.tensor_frames import Payload
from joulecut_proto.streaming.checksums import header_checksum
from joulecut_proto.streaming.fields import read_varint, varint
from joulecut_proto.v1 import inference_pb2

# (field number << 3) | wire type: 1 is 64 bits, 2 a length and bytes.
_HEADER = b"\x0a"
_HEADER_CHECKSUM = 0x11
_CHUNK_CHECKSUM = 0x19
_CHUNK = b"\x22"

_SUM = struct.Struct("<BQ")
_NOTHING = memoryview(b"")


class Part(NamedTuple):
    """One message: a checked header where it brings one, and a chunk with the checksum it claims."""

    header: bytes | None
    chunk: memoryview
    chunk_checksum: int


def part_bytes(header: bytes | None, pieces: Sequence[Payload], chunk_checksum: int) -> bytes:
    """The message of a header, a chunk or both; `pieces` are the chunk, each of them flat bytes."""
    parts: list[Payload] = []
    if header is not None:
        parts += (_HEADER, varint(len(header)), header, _SUM.pack(_HEADER_CHECKSUM, header_checksum(header)))
    size_bytes = sum(map(len, pieces))
    if size_bytes:
        parts += (_SUM.pack(_CHUNK_CHECKSUM, chunk_checksum), _CHUNK, varint(size_bytes), *pieces)
    return b"".join(parts)


def read_part(message: bytes, *, peer: str) -> Part:
    """The part in a message.

    Raises LinkError where anything but the chunk was damaged on its way: the messages after it cannot be told apart.
    """
    header, claimed, chunk, chunk_checksum = _read_own(message) or _read_any(message, peer)
    if header is not None and claimed != (actual := header_checksum(header)):
        shown = "none" if claimed is None else f"{claimed:016x}"
        raise LinkError(f"{peer}: a header was damaged on its way: checksum {shown}, expected {actual:016x}; open anew")
    if chunk.nbytes and chunk_checksum is None:
        raise LinkError(f"{peer}: a chunk without a checksum; expected one beside every chunk; send again")
    return Part(header, chunk, chunk_checksum or 0)


_Fields = tuple[bytes | None, int | None, memoryview, int | None]


def _read_own(message: bytes) -> _Fields | None:
    """The fields of a message in the order and completeness in which this side writes them; None for any other."""
    header: bytes | None = None
    claimed: int | None = None
    start, end = 0, len(message)
    try:
        if message[:1] == _HEADER:
            size_bytes, start = read_varint(message, 1)
            header = message[start : start + size_bytes]
            start += size_bytes
            tag, claimed = _SUM.unpack_from(message, start)
            if tag != _HEADER_CHECKSUM:
                return None
            start += _SUM.size
        if start == end:
            return None if header is None else (header, claimed, _NOTHING, None)
        tag, chunk_checksum = _SUM.unpack_from(message, start)
        start += _SUM.size
        if tag != _CHUNK_CHECKSUM or message[start : start + 1] != _CHUNK:
            return None
        size_bytes, start = read_varint(message, start + 1)
    except (IndexError, struct.error):
        return None
    if start + size_bytes != end:
        return None
    return header, claimed, memoryview(message)[start:], chunk_checksum


def _read_any(message: bytes, peer: str) -> _Fields:
    try:
        part = inference_pb2.InferencePart.FromString(message)
    except DecodeError as error:
        raise LinkError(f"{peer}: {len(message)} bytes that are no InferencePart: damaged on their way") from error
    if len(UnknownFieldSet(part)):
        raise LinkError(f"{peer}: an InferencePart with unknown fields: damaged on its way")
    return (
        part.header if part.HasField("header") else None,
        part.header_checksum if part.HasField("header_checksum") else None,
        memoryview(part.chunk),
        part.chunk_checksum if part.HasField("chunk_checksum") else None,
    )
