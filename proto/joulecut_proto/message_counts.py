"""How many objects a serialised message holds, counted on its bytes before anything is made of them.

An empty message inside another takes two bytes on the wire and a hundred once it is parsed, and parsing cannot be
interrupted. Counting takes nothing but time, gives other threads theirs, and stops at the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from joulecut_core.errors import ContractError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10
_CONTINUES = 0x80
"""The bit that says that another byte follows."""
_DEEPEST = 64
"""Messages in messages; the contract's are a tenth of that, and the parser ends at a hundred."""

_Fields: TypeAlias = Mapping[int, "Descriptor | None"]
"""By field number: what a field's messages are, None for text. Numbers are not in it, packed or not."""


def count_objects(content: bytes, kind: type[Message], *, most: int) -> int:
    """The messages and texts within a serialised message, at every depth; just above `most` where it has more.

    Raises ContractError where the bytes are no message of this kind. Fields that this contract does not know count as
    nothing: the parser keeps them as bytes.
    """
    reader = _Reader(content, kind.__name__)
    return _count(reader, _fields(cast(Descriptor, kind.DESCRIPTOR)), len(content), most=most, depth=0)


def _count(reader: _Reader, known: _Fields, end: int, *, most: int, depth: int) -> int:
    count = 0
    while reader.place < end and count <= most:
        tag = reader.varint(end)
        number, wire = tag >> 3, tag & 7
        if wire != _BYTES:
            reader.skip_number(wire, end)
            continue
        inner_end = reader.end_of_bytes(end)
        if number in known:
            count += 1
        inner = known.get(number)
        if inner is None:
            reader.place = inner_end
        elif depth == _DEEPEST:
            raise reader.malformed()
        else:
            count += _count(reader, _fields(inner), inner_end, most=most - count, depth=depth + 1)
    return count


class _Reader:
    """A place in serialised bytes. Raises ContractError for what no parser would take."""

    __slots__ = ("_content", "_kind", "place")

    def __init__(self, content: bytes, kind: str) -> None:
        self._content = content
        self._kind = kind
        self.place = 0

    def varint(self, end: int) -> int:
        value = 0
        for index in range(min(_LONGEST_VARINT, end - self.place)):
            byte = self._content[self.place + index]
            value |= (byte & 0x7F) << (7 * index)
            if byte < _CONTINUES:
                self.place += index + 1
                return value
        raise self.malformed()

    def end_of_bytes(self, end: int) -> int:
        """Where the bytes that begin here end, after their length."""
        size = self.varint(end)
        if size > end - self.place:
            raise self.malformed()
        return self.place + size

    def skip_number(self, wire: int, end: int) -> None:
        if wire == _VARINT:
            self.varint(end)
            return
        size = _FIXED.get(wire)
        if size is None or size > end - self.place:
            raise self.malformed()
        self.place += size

    def malformed(self) -> ContractError:
        return ContractError(f"{len(self._content)} bytes that are no {self._kind}; send it again")


@lru_cache(maxsize=256)
def _fields(kind: Descriptor) -> _Fields:
    texts = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    return {
        field.number: field.message_type
        for field in kind.fields
        if field.message_type is not None or field.type in texts
    }
