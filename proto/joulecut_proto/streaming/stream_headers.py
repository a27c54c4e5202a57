"""Headers of an inference stream as bytes: what `Converter` does for every message, written out for the two hot ones.

A small request spends more time on its headers than on its bytes; field by field they take a third of it. Whatever is
out of the ordinary goes to the converters, which know how to complain.
"""

from __future__ import annotations

import math
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
from joulecut_proto.tensors import DEFAULT_LIMITS, Described, WireTensor, total_bytes_of
from joulecut_proto.v1 import devices_pb2, inference_pb2, tensors_pb2

_MOST_HEADER_BYTES = 256 << 10
"""Hundreds of times a real one: a name, a shape and a codec's few numbers for each tensor."""
_MOST_TENSORS = DEFAULT_LIMITS.tensors
_MOST_SPEC_BYTES = 512
"""Longer specs are read anew each time, so that nobody can fill the memory of those that were read."""

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
        message = inference_pb2.RequestHeader(
            contract_version=header.contract_version,
            session_id=header.session_id,
            request_id=header.request_id,
            epoch=header.epoch,
            network_digest=header.network_digest,
            cut=header.cut,
            codec=header.codec,
            variant=header.variant,
            tensors=_tensor_messages(tensors),
            total_bytes=total_bytes_of(tensors),
            budget_s=_sendable(header.budget_s),
            priority=header.priority,
            attempt=header.attempt,
            traceparent=header.traceparent,
        )
    except (_OutOfTheOrdinaryError, TypeError, ValueError):
        message = REQUEST_HEADER.to_wire(header.carrying(tensors))
    return message.SerializeToString()


def reply_header_bytes(header: ReplyHeader, tensors: Sequence[Described]) -> bytes:
    """The serialised header of a reply that carries `tensors`; raises ContractError where a field cannot be sent."""
    try:
        message = inference_pb2.ReplyHeader(
            request_id=header.request_id,
            status=_STATUS_NUMBERS[header.status],
            message=header.message,
            current_epoch=header.current_epoch,
            tensors=_tensor_messages(tensors),
            total_bytes=total_bytes_of(tensors),
            queue_s=_sendable(header.queue_s),
            decode_s=_sendable(header.decode_s),
            tail_s=_sendable(header.tail_s),
            server_energy_j=_sendable(header.server_energy_j),
            figures=_FIGURE_NUMBERS[header.figures],
            retry_after_s=_sendable(header.retry_after_s),
            server_wait_j=_sendable(header.server_wait_j),
            origin=_ORIGIN_NUMBERS[header.origin],
            variant=header.variant,
        )
    except (_OutOfTheOrdinaryError, TypeError, ValueError):
        message = REPLY_HEADER.to_wire(header.carrying(tensors))
    return message.SerializeToString()


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
        return RequestHeader(
            session_id=message.session_id,
            request_id=message.request_id,
            epoch=message.epoch,
            network_digest=message.network_digest,
            cut=message.cut,
            codec=message.codec,
            variant=message.variant,
            budget_s=_finite(message.budget_s) if message.HasField("budget_s") else None,
            priority=message.priority,
            attempt=message.attempt,
            traceparent=message.traceparent,
            tensors=_tensors(message.tensors),
            total_bytes=message.total_bytes,
            contract_version=message.contract_version,
        )
    except (_OutOfTheOrdinaryError, ContractError):
        return REQUEST_HEADER.from_wire(message)


def read_reply_header(content: bytes) -> ReplyHeader:
    """The header in bytes from a server; raises ContractError where it is none."""
    _check_size(content)
    try:
        message = inference_pb2.ReplyHeader.FromString(content)
    except DecodeError as error:
        raise ContractError(f"a header of {len(content)} bytes that is no ReplyHeader") from error
    _check_tensors(len(message.tensors))
    try:
        return ReplyHeader(
            request_id=message.request_id,
            current_epoch=message.current_epoch,
            status=_STATUSES[message.status],
            message=message.message,
            queue_s=_finite(message.queue_s),
            decode_s=_finite(message.decode_s),
            tail_s=_finite(message.tail_s),
            server_energy_j=_finite(message.server_energy_j) if message.HasField("server_energy_j") else None,
            figures=_FIGURES[message.figures],
            retry_after_s=_finite(message.retry_after_s),
            server_wait_j=_finite(message.server_wait_j) if message.HasField("server_wait_j") else None,
            origin=_ORIGINS[message.origin] if message.HasField("origin") else Origin.COMPUTED,
            variant=message.variant,
            tensors=_tensors(message.tensors),
            total_bytes=message.total_bytes,
        )
    except (_OutOfTheOrdinaryError, ContractError, KeyError):
        return REPLY_HEADER.from_wire(message)


def _check_size(content: bytes) -> None:
    """Before anything is made of it: an empty tensor takes two bytes, and a hundred times that once it is read."""
    if len(content) > _MOST_HEADER_BYTES:
        raise ContractError(f"a header of {len(content)} bytes; expected at most {_MOST_HEADER_BYTES}")


def _check_tensors(count: int) -> None:
    if count > _MOST_TENSORS:
        raise ContractError(f"a message of {count} tensors; expected at most {_MOST_TENSORS}")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise _OutOfTheOrdinaryError
    return value


def _sendable(value: float | None) -> float | None:
    return None if value is None else _finite(value)


def _tensor_messages(tensors: Iterable[Described]) -> list[tensors_pb2.WireTensor]:
    return [
        tensors_pb2.WireTensor(
            spec=_spec_message(tensor.spec),
            codec=tensor.codec,
            codec_header=tensor.codec_header,
            payload_bytes=tensor.payload_bytes,
        )
        for tensor in tensors
    ]


def _tensors(messages: Iterable[tensors_pb2.WireTensor]) -> tuple[WireTensor, ...]:
    return tuple(
        [
            WireTensor(
                spec=_spec(message),
                codec=message.codec,
                codec_header=message.codec_header,
                payload_bytes=message.payload_bytes,
            )
            for message in messages
        ]
    )


def _spec(message: tensors_pb2.WireTensor) -> TensorSpec:
    content = message.spec.SerializeToString() if message.HasField("spec") else b""
    if not 0 < len(content) <= _MOST_SPEC_BYTES:
        raise _OutOfTheOrdinaryError
    return _read_spec(content)


@lru_cache(maxsize=1024)
def _read_spec(content: bytes) -> TensorSpec:
    return TENSOR_SPEC.from_wire(tensors_pb2.TensorSpec.FromString(content))


@lru_cache(maxsize=1024)
def _spec_message(spec: TensorSpec) -> tensors_pb2.TensorSpec:
    return TENSOR_SPEC.to_wire(spec)
