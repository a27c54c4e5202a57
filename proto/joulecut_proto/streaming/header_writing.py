"""Headers of an inference stream written as bytes: what `Converter` does, by hand for the two hot messages."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from joulecut_core.figures import FigureKind
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import RAW
from joulecut_proto.convert_inference import REPLY_HEADER, REQUEST_HEADER, TENSOR_SPEC
from joulecut_proto.inference_messages import Origin, ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.streaming.fields import (
    DOUBLE,
    bytes_field,
    double_field,
    number_field,
    optional_double_field,
    varint,
)
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
from joulecut_proto.tensors import Described, total_bytes_of
from joulecut_proto.v1 import devices_pb2, inference_pb2, tensors_pb2

_UNSENDABLE = (TypeError, ValueError, AttributeError, struct.error)
"""What a value that is not of its field's type or range ends in here; the converters tell it in words."""

_STATUS_NUMBERS: Mapping[ReplyStatus, Any] = {
    each: inference_pb2.ReplyStatus.Value(f"REPLY_STATUS_{each.name}") for each in ReplyStatus
}
_FIGURE_NUMBERS: Mapping[FigureKind, Any] = {
    each: devices_pb2.FigureKind.Value(f"FIGURE_KIND_{each.name}") for each in FigureKind
}
_ORIGIN_NUMBERS: Mapping[Origin, Any] = {each: inference_pb2.Origin.Value(f"ORIGIN_{each.name}") for each in Origin}


def request_header_bytes(header: RequestHeader, tensors: Sequence[Described]) -> bytes:
    """The serialised header of a request that carries `tensors`; raises ContractError where a field cannot be sent."""
    try:
        fields = [bytes_field(REQUEST_ID, header.request_id.encode())]
        if header.budget_s is not None:
            check_finite(header.budget_s)
            fields.append(DOUBLE.pack(BUDGET, header.budget_s))
        if header.traceparent:
            fields.append(bytes_field(TRACEPARENT, header.traceparent.encode()))
        known = _known_tensors(tensors)
        if known is None:
            fields += _tensor_fields(tensors, REQUEST_TENSOR, REQUEST_TOTAL)
        fields.append(
            _request_rest(
                header.contract_version,
                header.session_id,
                header.epoch,
                header.network_digest,
                header.cut,
                header.codec,
                header.variant,
                header.priority,
                header.attempt,
                known,
            )
        )
    except (OutOfTheOrdinaryError, *_UNSENDABLE):
        return REQUEST_HEADER.to_wire(header.carrying(tensors)).SerializeToString()
    return b"".join(fields)


def reply_header_bytes(header: ReplyHeader, tensors: Sequence[Described]) -> bytes:
    """The serialised header of a reply that carries `tensors`; raises ContractError where a field cannot be sent."""
    try:
        seconds = header.queue_s + header.decode_s + header.tail_s + header.retry_after_s
        check_finite(seconds + (header.server_energy_j or 0.0) + (header.server_wait_j or 0.0))
        fields = [
            bytes_field(REPLY_ID, header.request_id.encode()),
            double_field(QUEUE, header.queue_s),
            double_field(DECODE, header.decode_s),
            double_field(TAIL, header.tail_s),
            optional_double_field(ENERGY, header.server_energy_j),
            optional_double_field(WAIT, header.server_wait_j),
        ]
        known = _known_tensors(tensors)
        if known is None:
            fields += _tensor_fields(tensors, REPLY_TENSOR, REPLY_TOTAL)
        # What went wrong may be told at length, and differently each time.
        rest = _reply_rest.__wrapped__ if header.message else _reply_rest
        fields.append(
            rest(
                header.status,
                header.message,
                header.current_epoch,
                header.figures,
                header.retry_after_s,
                header.origin,
                header.variant,
                known,
            )
        )
    except (OutOfTheOrdinaryError, *_UNSENDABLE):
        return REPLY_HEADER.to_wire(header.carrying(tensors)).SerializeToString()
    return b"".join(fields)


_Known = tuple[tuple[TensorSpec, int], ...]
"""Of raw tensors: what they are, and how many bytes travel."""


def _known_tensors(tensors: Sequence[Described]) -> _Known | None:
    """What is remembered of tensors with the rest; None where they are many, or a codec may change them every time."""
    if len(tensors) > FEW_TENSORS:
        return None
    known: list[tuple[TensorSpec, int]] = []
    for tensor in tensors:
        if tensor.codec != RAW or tensor.codec_header:
            return None
        known.append((tensor.spec, tensor.payload_bytes))
    return tuple(known)


@lru_cache(maxsize=1024)
def _request_rest(
    contract_version: int,
    session_id: str,
    epoch: int,
    network_digest: str,
    cut: int,
    codec: str,
    variant: str,
    priority: int,
    attempt: int,
    known: _Known | None,
) -> bytes:
    return inference_pb2.RequestHeader(
        contract_version=contract_version,
        session_id=session_id,
        epoch=epoch,
        network_digest=network_digest,
        cut=cut,
        codec=codec,
        variant=variant,
        priority=priority,
        attempt=attempt,
        tensors=_tensor_messages(known or ()),
        total_bytes=sum(size_bytes for _, size_bytes in known or ()),
    ).SerializeToString()


@lru_cache(maxsize=1024)
def _reply_rest(
    status: ReplyStatus,
    message: str,
    current_epoch: int,
    figures: FigureKind,
    retry_after_s: float,
    origin: Origin,
    variant: str,
    known: _Known | None,
) -> bytes:
    return inference_pb2.ReplyHeader(
        status=_STATUS_NUMBERS[status],
        message=message,
        current_epoch=current_epoch,
        figures=_FIGURE_NUMBERS[figures],
        retry_after_s=retry_after_s,
        origin=_ORIGIN_NUMBERS[origin],
        variant=variant,
        tensors=_tensor_messages(known or ()),
        total_bytes=sum(size_bytes for _, size_bytes in known or ()),
    ).SerializeToString()


def _tensor_messages(known: _Known) -> list[tensors_pb2.WireTensor]:
    return [
        tensors_pb2.WireTensor(spec=TENSOR_SPEC.to_wire(spec), codec=RAW, payload_bytes=size_bytes)
        for spec, size_bytes in known
    ]


def _tensor_fields(tensors: Sequence[Described], tag: bytes, total_tag: bytes) -> list[bytes]:
    """Each behind its tag and length, and then their total."""
    fields: list[bytes] = []
    for tensor in tensors:
        # Numbers of this very tensor are not worth remembering.
        write = _tensor_field.__wrapped__ if tensor.codec_header else _tensor_field
        fields += (tag, write(tensor.spec, tensor.codec, tensor.codec_header, tensor.payload_bytes))
    fields.append(number_field(total_tag, total_bytes_of(tensors)))
    return fields


@lru_cache(maxsize=1024)
def _tensor_field(spec: TensorSpec, codec: str, codec_header: bytes, payload_bytes: int) -> bytes:
    content = tensors_pb2.WireTensor(
        spec=_spec_message(spec), codec=codec, codec_header=codec_header, payload_bytes=payload_bytes
    ).SerializeToString()
    return varint(len(content)) + content


@lru_cache(maxsize=1024)
def _spec_message(spec: TensorSpec) -> tensors_pb2.TensorSpec:
    return TENSOR_SPEC.to_wire(spec)
