"""Changes to protobuf messages that still parse: fields left out, extreme, repeated, or copied."""

from __future__ import annotations

import math
import random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from tests.fuzz.mutation import LONGEST_BYTES, Reshape

_FLOATS = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)
_TEXTS = ("", "x", "\0", "\u202e", "a" * 5000, "raw", "../../etc", "%s", "sha256:0", "none", "fp32")
_NUMBERS = (0.0, -0.0, -1.0, 1e-320, 1e308, -1e308, math.nan, math.inf, -math.inf, 1.0, 1e6)
_BITS = {
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), (0, 32)),
    **dict.fromkeys((FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_ENUM), (1, 31)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), (0, 64)),
    **dict.fromkeys((FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64), (1, 63)),
}
_DEEPEST = 8


def reshaper(kind: type[Message]) -> Reshape:
    """Reshapes encoded messages of one kind."""

    def reshape(rng: random.Random, data: bytes) -> bytes:
        message = kind()
        try:
            message.ParseFromString(data)
        except DecodeError:
            return data
        for _ in range(rng.choice((1, 1, 2, 3, 6))):
            _change(rng, message, depth=0)
        return message.SerializeToString()[:LONGEST_BYTES]

    return reshape


def _change(rng: random.Random, message: Any, depth: int) -> None:
    """Change one field, here or in a message inside."""
    present = [field for field, _ in message.ListFields()]
    inner = [field for field in present if field.message_type is not None and not _is_map(field)]
    if inner and depth < _DEEPEST and rng.random() < 0.65:
        field = rng.choice(inner)
        value = getattr(message, field.name)
        _change(rng, rng.choice(list(value)) if field.is_repeated else value, depth + 1)
        return
    fields = message.DESCRIPTOR.fields
    if not fields:
        return
    field = rng.choice(present) if present and rng.random() < 0.7 else rng.choice(fields)
    if rng.random() < 0.25:
        message.ClearField(field.name)
    elif _is_map(field):
        getattr(message, field.name)[rng.choice(_TEXTS)] = rng.choice(_TEXTS)
    elif field.is_repeated:
        _change_repeated(rng, field, getattr(message, field.name))
    elif field.message_type is not None:
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, _scalar(rng, field))


def _change_repeated(rng: random.Random, field: FieldDescriptor, values: Any) -> None:
    change = rng.randrange(3)
    if values and change == 0:
        del values[rng.randrange(len(values))]
    elif field.message_type is not None:
        for _ in range(rng.choice((1, 2, 200))):
            added = values.add()
            if len(values) > 1:
                added.CopyFrom(rng.choice(values[:-1]))
    else:
        values.extend(_scalar(rng, field) for _ in range(rng.choice((1, 2, 300))))


def _scalar(rng: random.Random, field: FieldDescriptor) -> Any:
    if field.type in _FLOATS:
        return rng.choice(_NUMBERS)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return rng.random() < 0.5
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(_TEXTS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.randbytes(rng.choice((0, 1, 8, 3000)))
    signed, bits = _BITS[field.type]
    return rng.choice((0, 1, 2, 7, 255, (1 << bits) - 1, 1 << (bits - 1), -signed))


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)
