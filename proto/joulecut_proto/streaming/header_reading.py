"""Headers of an inference stream read from bytes: by hand in the order in which this side writes them."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeVar

from google.protobuf.message import DecodeError

from joulecut_core.errors import ContractError
from joulecut_proto.contract import check_contract_version
from joulecut_proto.convert_inference import REPLY_HEADER, REQUEST_HEADER, TENSOR_SPEC
from joulecut_proto.ids import check_id
from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
from joulecut_proto.messages import Converter
from joulecut_proto.streaming.fields import DOUBLE, read_varint
from joulecut_proto.streaming.header_order import (
    BUDGET,
    DECODE,
    ENERGY,
    FEW_TENSORS,
    QUEUE,
    REPLY_ID,
    REPLY_TENSOR,
    REPLY_TOTAL,
    REQUEST_ID,
    REQUEST_TENSOR,
    REQUEST_TOTAL,
    TAIL,
    TRACEPARENT,
    WAIT,
    OutOfTheOrdinaryError,
    check_finite,
)
from joulecut_proto.tensors import DEFAULT_LIMITS, WireTensor
from joulecut_proto.v1 import inference_pb2, tensors_pb2

H = TypeVar("H", RequestHeader, ReplyHeader)
M = TypeVar("M", inference_pb2.RequestHeader, inference_pb2.ReplyHeader)

_MOST_HEADER_BYTES = 256 << 10
"""Hundreds of times a real one: a name, a shape and a codec's few numbers for each tensor."""
_MOST_TENSORS = DEFAULT_LIMITS.tensors
_MOST_REMEMBERED_BYTES = 1024
"""Longer rests and tensors are read anew each time, so that nobody can fill the memory of those that were read."""
_SECONDS_AND_JOULES = {
    QUEUE: "queue_s",
    DECODE: "decode_s",
    TAIL: "tail_s",
    ENERGY: "server_energy_j",
    WAIT: "server_wait_j",
}
_MOST = 1e12
"""Of those: far above any real one, and low enough that no sum over requests overflows."""
_UNREADABLE = (OutOfTheOrdinaryError, ContractError, DecodeError, UnicodeDecodeError, IndexError, struct.error)
"""What bytes that this side would not have written end in; the converters read them, or tell it in words."""


def read_request_header(content: bytes) -> RequestHeader:
    """The header in bytes from an edge; raises ContractError where it is none, or of another contract version."""
    _check_size(content)
    try:
        return _own_request(content)
    except _UNREADABLE:
        message = _read(REQUEST_HEADER, content)
    check_contract_version(message.contract_version, peer="the edge")
    check_id("session_id", message.session_id)
    check_id("request_id", message.request_id)
    return REQUEST_HEADER.from_wire(message)


def read_reply_header(content: bytes) -> ReplyHeader:
    """The header in bytes from a server.

    Raises ContractError where it is none, or for seconds or joules that no request takes.
    """
    _check_size(content)
    try:
        return _own_reply(content)
    except _UNREADABLE:
        header = REPLY_HEADER.from_wire(_read(REPLY_HEADER, content))
    for name in (*_SECONDS_AND_JOULES.values(), "retry_after_s"):
        value = getattr(header, name)
        if value is not None and not 0.0 <= value <= _MOST:
            raise ContractError(f"{name}: {value}; expected 0 to {_MOST:g}")
    return header


def _check_size(content: bytes) -> None:
    """Before anything is made of it: an empty tensor takes two bytes, and a hundred times that once it is read."""
    if len(content) > _MOST_HEADER_BYTES:
        raise ContractError(f"a header of {len(content)} bytes; expected at most {_MOST_HEADER_BYTES}")


def _own_request(content: bytes) -> RequestHeader:
    """The header in bytes in the order in which this side writes them; raises one of `_UNREADABLE` for any other."""
    new: dict[str, Any] = {}
    new["request_id"], at = _read_id(content, REQUEST_ID)
    check_id("request_id", new["request_id"])
    if content[at] == BUDGET:
        _, new["budget_s"] = DOUBLE.unpack_from(content, at)
        check_finite(new["budget_s"])
        at += DOUBLE.size
    if content[at] == TRACEPARENT[0]:
        text, at = _read_bytes(content, at + 1)
        new["traceparent"] = text.decode()
    ahead = content[at] == REQUEST_TENSOR[0]
    if ahead:
        new["tensors"], new["total_bytes"], at = _read_tensors(content, at, REQUEST_TENSOR[0], REQUEST_TOTAL[0])
    rest = content[at:]
    make = _read_request_rest if len(rest) <= _MOST_REMEMBERED_BYTES else _read_request_rest.__wrapped__
    return make(rest, ahead)(**new)


def _own_reply(content: bytes) -> ReplyHeader:
    """As `_own_request`."""
    new: dict[str, Any] = {}
    request_id, at = _read_id(content, REPLY_ID)
    while (name := _SECONDS_AND_JOULES.get(content[at])) is not None:
        _, value = DOUBLE.unpack_from(content, at)
        if not 0.0 <= value <= _MOST:
            raise OutOfTheOrdinaryError
        new[name] = value
        at += DOUBLE.size
    new["request_id"] = request_id
    ahead = content[at] == REPLY_TENSOR[0]
    if ahead:
        new["tensors"], new["total_bytes"], at = _read_tensors(content, at, REPLY_TENSOR[0], REPLY_TOTAL[0])
    rest = content[at:]
    make = _read_reply_rest if len(rest) <= _MOST_REMEMBERED_BYTES else _read_reply_rest.__wrapped__
    return make(rest, ahead)(**new)


def _read_id(content: bytes, tag: bytes) -> tuple[str, int]:
    if content[:1] != tag:
        raise OutOfTheOrdinaryError
    value, end = _read_bytes(content, 1)
    return value.decode(), end


def _read_bytes(content: bytes, start: int) -> tuple[bytes, int]:
    """A field behind its tag, and where it ends: beyond the end of `content` where bytes are missing."""
    size_bytes, start = read_varint(content, start)
    end = start + size_bytes
    return content[start:end], end


def _read_tensors(content: bytes, at: int, tag: int, total_tag: int) -> tuple[tuple[WireTensor, ...], int, int]:
    """The tensors from `at` on, their total, and where the rest begins."""
    tensors: list[WireTensor] = []
    while content[at] == tag:
        if len(tensors) == _MOST_TENSORS:
            raise OutOfTheOrdinaryError
        described, at = _read_bytes(content, at + 1)
        read = _read_tensor if len(described) <= _MOST_REMEMBERED_BYTES else _read_tensor.__wrapped__
        tensors.append(read(described))
    total_bytes = 0
    if content[at] == total_tag:
        total_bytes, at = read_varint(content, at + 1)
    return tuple(tensors), total_bytes, at


@lru_cache(maxsize=1024)
def _read_tensor(content: bytes) -> WireTensor:
    message = tensors_pb2.WireTensor.FromString(content)
    if not message.HasField("spec"):
        raise OutOfTheOrdinaryError
    return WireTensor(
        spec=TENSOR_SPEC.from_wire(message.spec),
        codec=message.codec,
        codec_header=message.codec_header,
        payload_bytes=message.payload_bytes,
    )


@lru_cache(maxsize=1024)
def _read_request_rest(content: bytes, tensors_ahead: bool) -> Callable[..., RequestHeader]:
    message = _read(REQUEST_HEADER, content)
    check_contract_version(message.contract_version, peer="the edge")
    check_id("session_id", message.session_id)
    return _makes(REQUEST_HEADER, message, content, {"request_id", "budget_s", "traceparent"}, tensors_ahead)


@lru_cache(maxsize=1024)
def _read_reply_rest(content: bytes, tensors_ahead: bool) -> Callable[..., ReplyHeader]:
    message = _read(REPLY_HEADER, content)
    if not 0.0 <= message.retry_after_s <= _MOST:
        raise OutOfTheOrdinaryError
    return _makes(REPLY_HEADER, message, content, {"request_id", *_SECONDS_AND_JOULES.values()}, tensors_ahead)


def _makes(
    converter: Converter[H, Any], message: Any, content: bytes, ahead: set[str], tensors_ahead: bool
) -> Callable[..., H]:
    """What makes a header of the fields ahead of the rest `message`.

    The rest must have none of them, not even empty ones: of a field that comes twice the last one counts.
    """
    if tensors_ahead:
        ahead |= {"tensors", "total_bytes"}
    twice = any(field.name in ahead for field, _ in message.ListFields())
    if twice or len(message.tensors) > FEW_TENSORS or message.SerializeToString() != content:
        raise OutOfTheOrdinaryError
    header = converter.from_wire(message)
    fields = [field.name for field in dataclasses.fields(header) if field.name not in ahead]
    return partial(converter.kind, **{name: getattr(header, name) for name in fields})


def _read(converter: Converter[Any, M], content: bytes) -> M:
    try:
        message = converter.message.FromString(content)
    except DecodeError as error:
        name = converter.message.DESCRIPTOR.name
        raise ContractError(f"a header of {len(content)} bytes that is no {name}") from error
    if len(message.tensors) > _MOST_TENSORS:
        raise ContractError(f"a message of {len(message.tensors)} tensors; expected at most {_MOST_TENSORS}")
    return message
