"""Headers of an inference stream as bytes: what `Converter` does for every message, written out for the two hot ones.

A small request spends more time on its headers than on its bytes. Most of a header is that of the request before it:
such fields, and tensors, are written and read once and remembered. Whatever is out of the ordinary goes to the
converters, which know how to complain.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError

from joulecut_core.errors import ContractError
from joulecut_core.figures import FigureKind
from joulecut_core.networks import TensorSpec
from joulecut_proto.contract import check_contract_version
from joulecut_proto.convert_inference import REPLY_HEADER, REQUEST_HEADER, TENSOR_SPEC
from joulecut_proto.ids import check_id
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.streaming.fields import bytes_field, double_field, number_field, optional_double_field, varint
from joulecut_proto.tensors import DEFAULT_LIMITS, Described, WireTensor, total_bytes_of
from joulecut_proto.v1 import devices_pb2, inference_pb2, tensors_pb2

_MOST_HEADER_BYTES = 256 << 10
"""Hundreds of times a real one: a name, a shape and a codec's few numbers for each tensor."""
_MOST_TENSORS = DEFAULT_LIMITS.tensors
_MOST_TENSOR_BYTES = 512
"""Longer ones are read anew each time, so that nobody can fill the memory of those that were read."""

# (field number << 3) | wire type: 0 is a number, 1 a double, 2 a length and bytes.
_REQUEST_ID, _REQUEST_TENSOR, _REQUEST_TOTAL, _BUDGET, _TRACEPARENT = b"\x1a", b"\x4a", b"\x50", 0x59, b"\x72"
_REPLY_ID, _REPLY_TENSOR, _REPLY_TOTAL = b"\x0a", b"\x2a", b"\x30"
_QUEUE, _DECODE, _TAIL, _ENERGY, _RETRY_AFTER, _WAIT = 0x39, 0x41, 0x49, 0x51, 0x61, 0x69
_UNSENDABLE = (TypeError, ValueError, AttributeError, struct.error)
"""What a value that is not of its field's type or range ends in here; the converters tell it in words."""

_STATUSES = {inference_pb2.ReplyStatus.Value(f"REPLY_STATUS_{each.name}"): each for each in ReplyStatus}
_STATUS_NUMBERS: Mapping[ReplyStatus, Any] = {word: number for number, word in _STATUSES.items()}
_FIGURES = {devices_pb2.FigureKind.Value(f"FIGURE_KIND_{each.name}"): each for each in FigureKind}
_FIGURE_NUMBERS: Mapping[FigureKind, Any] = {word: number for number, word in _FIGURES.items()}
_ORIGINS = {inference_pb2.Origin.Value(f"ORIGIN_{each.name}"): each for each in Origin}
_ORIGIN_NUMBERS: Mapping[Origin, Any] = {word: number for number, word in _ORIGINS.items()}


class _OutOfTheOrdinaryError(Exception):
    """The converters are asked."""


def request_header_bytes(header: RequestHeader, tensors: Sequence[Described]) -> bytes:
    """The serialised header of a request that carries `tensors`; raises ContractError where a field cannot be sent."""
    try:
        _check_budget(header)
        fields = [
            _sender_fields(header.contract_version, header.session_id),
            bytes_field(_REQUEST_ID, header.request_id.encode()),
            _plan_fields(header.epoch, header.network_digest, header.cut, header.codec, header.variant),
        ]
        for tensor in tensors:
            fields += (_REQUEST_TENSOR, _tensor_field(tensor))
        fields += (
            number_field(_REQUEST_TOTAL, total_bytes_of(tensors)),
            optional_double_field(_BUDGET, header.budget_s),
            _attempt_fields(header.priority, header.attempt),
            bytes_field(_TRACEPARENT, header.traceparent.encode()),
        )
    except (_OutOfTheOrdinaryError, *_UNSENDABLE):
        return REQUEST_HEADER.to_wire(header.carrying(tensors)).SerializeToString()
    return b"".join(fields)


def reply_header_bytes(header: ReplyHeader, tensors: Sequence[Described]) -> bytes:
    """The serialised header of a reply that carries `tensors`; raises ContractError where a field cannot be sent."""
    try:
        _check_finite(header)
        fields = [
            bytes_field(_REPLY_ID, header.request_id.encode()),
            _outcome_fields(header.status, header.current_epoch, header.message),
        ]
        for tensor in tensors:
            fields += (_REPLY_TENSOR, _tensor_field(tensor))
        fields += (
            number_field(_REPLY_TOTAL, total_bytes_of(tensors)),
            double_field(_QUEUE, header.queue_s),
            double_field(_DECODE, header.decode_s),
            double_field(_TAIL, header.tail_s),
            optional_double_field(_ENERGY, header.server_energy_j),
            _figure_fields(header.figures),
            optional_double_field(_RETRY_AFTER, header.retry_after_s),
            optional_double_field(_WAIT, header.server_wait_j),
            _origin_fields(header.origin, header.variant),
        )
    except (_OutOfTheOrdinaryError, *_UNSENDABLE):
        return REPLY_HEADER.to_wire(header.carrying(tensors)).SerializeToString()
    return b"".join(fields)


def read_request_header(content: bytes) -> RequestHeader:
    """The header in bytes from an edge; raises ContractError where it is none, or of another contract version."""
    _check_size(content)
    try:
        message = inference_pb2.RequestHeader.FromString(content)
    except DecodeError as error:
        raise ContractError(f"a header of {len(content)} bytes that is no RequestHeader") from error
    _check_tensors(len(message.tensors))
    check_contract_version(message.contract_version, peer="the edge")
    check_id("session_id", message.session_id)
    check_id("request_id", message.request_id)
    try:
        header = RequestHeader(
            session_id=message.session_id,
            request_id=message.request_id,
            epoch=message.epoch,
            network_digest=message.network_digest,
            cut=message.cut,
            codec=message.codec,
            variant=message.variant,
            budget_s=message.budget_s if message.HasField("budget_s") else None,
            priority=message.priority,
            attempt=message.attempt,
            traceparent=message.traceparent,
            tensors=_tensors(message.tensors),
            total_bytes=message.total_bytes,
            contract_version=message.contract_version,
        )
        _check_budget(header)
    except (_OutOfTheOrdinaryError, ContractError):
        return REQUEST_HEADER.from_wire(message)
    return header


def read_reply_header(content: bytes) -> ReplyHeader:
    """The header in bytes from a server; raises ContractError where it is none."""
    _check_size(content)
    try:
        message = inference_pb2.ReplyHeader.FromString(content)
    except DecodeError as error:
        raise ContractError(f"a header of {len(content)} bytes that is no ReplyHeader") from error
    _check_tensors(len(message.tensors))
    try:
        header = ReplyHeader(
            request_id=message.request_id,
            current_epoch=message.current_epoch,
            status=_STATUSES[message.status],
            message=message.message,
            queue_s=message.queue_s,
            decode_s=message.decode_s,
            tail_s=message.tail_s,
            server_energy_j=message.server_energy_j if message.HasField("server_energy_j") else None,
            figures=_FIGURES[message.figures],
            retry_after_s=message.retry_after_s,
            server_wait_j=message.server_wait_j if message.HasField("server_wait_j") else None,
            origin=_ORIGINS[message.origin] if message.HasField("origin") else Origin.COMPUTED,
            variant=message.variant,
            tensors=_tensors(message.tensors),
            total_bytes=message.total_bytes,
        )
        _check_finite(header)
    except (_OutOfTheOrdinaryError, ContractError, KeyError):
        return REPLY_HEADER.from_wire(message)
    return header


def _check_size(content: bytes) -> None:
    """Before anything is made of it: an empty tensor takes two bytes, and a hundred times that once it is read."""
    if len(content) > _MOST_HEADER_BYTES:
        raise ContractError(f"a header of {len(content)} bytes; expected at most {_MOST_HEADER_BYTES}")


def _check_tensors(count: int) -> None:
    if count > _MOST_TENSORS:
        raise ContractError(f"a message of {count} tensors; expected at most {_MOST_TENSORS}")


def _check_budget(header: RequestHeader) -> None:
    if header.budget_s is not None and not math.isfinite(header.budget_s):
        raise _OutOfTheOrdinaryError


def _check_finite(header: ReplyHeader) -> None:
    """A sum is finite only where all that it is of is; a sum that is too large is out of the ordinary too."""
    seconds = header.queue_s + header.decode_s + header.tail_s + header.retry_after_s
    joules = (header.server_energy_j or 0.0) + (header.server_wait_j or 0.0)
    if not math.isfinite(seconds + joules):
        raise _OutOfTheOrdinaryError


@lru_cache(maxsize=1024)
def _sender_fields(contract_version: int, session_id: str) -> bytes:
    return inference_pb2.RequestHeader(contract_version=contract_version, session_id=session_id).SerializeToString()


@lru_cache(maxsize=1024)
def _plan_fields(epoch: int, network_digest: str, cut: int, codec: str, variant: str) -> bytes:
    return inference_pb2.RequestHeader(
        epoch=epoch, network_digest=network_digest, cut=cut, codec=codec, variant=variant
    ).SerializeToString()


@lru_cache(maxsize=1024)
def _attempt_fields(priority: int, attempt: int) -> bytes:
    return inference_pb2.RequestHeader(priority=priority, attempt=attempt).SerializeToString()


def _outcome_fields(status: ReplyStatus, current_epoch: int, message: str) -> bytes:
    # What went wrong may be told at length, and differently each time.
    return _told_outcome(status, current_epoch, message) if message else _remembered_outcome(status, current_epoch)


@lru_cache(maxsize=1024)
def _remembered_outcome(status: ReplyStatus, current_epoch: int) -> bytes:
    return _told_outcome(status, current_epoch, "")


def _told_outcome(status: ReplyStatus, current_epoch: int, message: str) -> bytes:
    return inference_pb2.ReplyHeader(
        status=_STATUS_NUMBERS[status], message=message, current_epoch=current_epoch
    ).SerializeToString()


@lru_cache(maxsize=1024)
def _figure_fields(figures: FigureKind) -> bytes:
    return inference_pb2.ReplyHeader(figures=_FIGURE_NUMBERS[figures]).SerializeToString()


@lru_cache(maxsize=1024)
def _origin_fields(origin: Origin, variant: str) -> bytes:
    return inference_pb2.ReplyHeader(origin=_ORIGIN_NUMBERS[origin], variant=variant).SerializeToString()


def _tensor_field(tensor: Described) -> bytes:
    """A WireTensor behind its length."""
    if tensor.codec_header:
        # Numbers of this very tensor: not worth remembering.
        return _written_tensor(tensor.spec, tensor.codec, tensor.codec_header, tensor.payload_bytes)
    return _remembered_tensor(tensor.spec, tensor.codec, tensor.payload_bytes)


@lru_cache(maxsize=1024)
def _remembered_tensor(spec: TensorSpec, codec: str, payload_bytes: int) -> bytes:
    return _written_tensor(spec, codec, b"", payload_bytes)


def _written_tensor(spec: TensorSpec, codec: str, codec_header: bytes, payload_bytes: int) -> bytes:
    content = tensors_pb2.WireTensor(
        spec=_spec_message(spec), codec=codec, codec_header=codec_header, payload_bytes=payload_bytes
    ).SerializeToString()
    return varint(len(content)) + content


@lru_cache(maxsize=1024)
def _spec_message(spec: TensorSpec) -> tensors_pb2.TensorSpec:
    return TENSOR_SPEC.to_wire(spec)


def _tensors(messages: Iterable[tensors_pb2.WireTensor]) -> tuple[WireTensor, ...]:
    return tuple([_tensor(message.SerializeToString()) for message in messages])


def _tensor(content: bytes) -> WireTensor:
    return _read_tensor(content) if len(content) <= _MOST_TENSOR_BYTES else _read_tensor.__wrapped__(content)


@lru_cache(maxsize=1024)
def _read_tensor(content: bytes) -> WireTensor:
    message = tensors_pb2.WireTensor.FromString(content)
    if not message.HasField("spec"):
        raise _OutOfTheOrdinaryError
    return WireTensor(
        spec=TENSOR_SPEC.from_wire(message.spec),
        codec=message.codec,
        codec_header=message.codec_header,
        payload_bytes=message.payload_bytes,
    )
