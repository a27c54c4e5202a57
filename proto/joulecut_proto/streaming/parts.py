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
_HEADER, _HEADER_CHECKSUM, _CHUNK_CHECKSUM, _CHUNK = 0x0A, 0x11, 0x19, 0x22
_HEADER_TAG = bytes((_HEADER,))

_HEADER_SUM = struct.Struct("<BQ")
_CHUNK_SUM = struct.Struct("<BQB")
_SUMS = struct.Struct("<BQBQB")
"""Both, with the tag of the chunk that follows: one call for all that has a known size costs the least."""
_NOTHING = memoryview(b"")


class Part(NamedTuple):
    """One message: a checked header where it brings one, and a chunk with the checksum it claims."""

    header: bytes | None
    chunk: memoryview
    chunk_checksum: int


def part_bytes(header: bytes | None, pieces: Sequence[Payload], chunk_checksum: int) -> bytes:
    """The message of a header, a chunk or both; `pieces` are the chunk, each of them flat bytes."""
    size_bytes = sum(map(len, pieces))
    if header is None:
        sums = _CHUNK_SUM.pack(_CHUNK_CHECKSUM, chunk_checksum, _CHUNK)
        return b"".join((sums, varint(size_bytes), *pieces)) if size_bytes else b""
    checksum = header_checksum(header)
    if size_bytes:
        sums = _SUMS.pack(_HEADER_CHECKSUM, checksum, _CHUNK_CHECKSUM, chunk_checksum, _CHUNK)
        return b"".join((_HEADER_TAG, varint(len(header)), header, sums, varint(size_bytes), *pieces))
    return b"".join((_HEADER_TAG, varint(len(header)), header, _HEADER_SUM.pack(_HEADER_CHECKSUM, checksum)))


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
    end = len(message)
    try:
        if message[0] == _HEADER:
            size_bytes, start = read_varint(message, 1)
            header = message[start : start + size_bytes]
            start += size_bytes
            if start + _HEADER_SUM.size == end:
                tag, claimed = _HEADER_SUM.unpack_from(message, start)
                return (header, claimed, _NOTHING, None) if tag == _HEADER_CHECKSUM else None
            header_tag, claimed, tag, chunk_checksum, chunk_tag = _SUMS.unpack_from(message, start)
            if header_tag != _HEADER_CHECKSUM:
                return None
            start += _SUMS.size
        else:
            tag, chunk_checksum, chunk_tag = _CHUNK_SUM.unpack_from(message)
            start = _CHUNK_SUM.size
        if tag != _CHUNK_CHECKSUM or chunk_tag != _CHUNK:
            return None
        size_bytes, start = read_varint(message, start)
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
