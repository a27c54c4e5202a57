"""Fields of protobuf messages as bytes, for those few that are written by hand: tags are given as they are sent."""

from __future__ import annotations

import struct

DOUBLE = struct.Struct("<Bd")
"""A tag and a double."""
_ZERO = bytes(8)
_MOST = 1 << 64
_SHORT = tuple(bytes((value,)) for value in range(0x80))


def varint(value: int) -> bytes:
    """A number as a varint; raises ValueError for one that no field can hold."""
    if 0 <= value < 0x80:
        return _SHORT[value]
    if not 0 <= value < _MOST:
        raise ValueError(f"{value} in a varint; expected 0 to 2**64 - 1")
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def read_varint(message: bytes, start: int) -> tuple[int, int]:
    """A number of up to five bytes at `start`, and where it ends. Raises IndexError where there is none."""
    value = message[start]
    if value < 0x80:
        return value, start + 1
    value &= 0x7F
    digit = message[start + 1]
    if digit < 0x80:
        return value | digit << 7, start + 2
    value |= (digit & 0x7F) << 7
    for index in range(2, 5):
        digit = message[start + index]
        value |= (digit & 0x7F) << 7 * index
        if digit < 0x80:
            return value, start + index + 1
    raise IndexError(start)


def bytes_field(tag: bytes, value: bytes) -> bytes:
    """A field of bytes, text or a message; nothing where it is empty."""
    return b"".join((tag, varint(len(value)), value)) if value else b""


def number_field(tag: bytes, value: int) -> bytes:
    """A field of a whole number; nothing for 0."""
    return tag + varint(value) if value else b""


def double_field(tag: int, value: float) -> bytes:
    """A field of a double; nothing for 0.0, which is not -0.0."""
    field = DOUBLE.pack(tag, value)
    return b"" if field.endswith(_ZERO) else field


def optional_double_field(tag: int, value: float | None) -> bytes:
    """A field of a double that may be absent: nothing for None."""
    return b"" if value is None else DOUBLE.pack(tag, value)
