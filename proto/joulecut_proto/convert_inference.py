"""Requests, replies and ledgers: dataclasses to protobuf and back."""

from __future__ import annotations

from collections.abc import Iterable

from joulecut_core.errors import ContractError
from joulecut_core.ledgers import RequestLedger
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import RAW, TensorFrame
from joulecut_proto.ids import check_local_id
from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
from joulecut_proto.local_messages import (
    InferReply,
    InferRequest,
    LocalStatus,
    MeterReadings,
    ReadMetersRequest,
    ReplanReply,
    ReplanRequest,
)
from joulecut_proto.messages import Converter
from joulecut_proto.tensors import check_header, headers_of, total_bytes_of
from joulecut_proto.v1 import inference_pb2, local_pb2, tensors_pb2

TENSOR_SPEC = Converter(TensorSpec, tensors_pb2.TensorSpec)
REQUEST_HEADER = Converter(RequestHeader, inference_pb2.RequestHeader)
REPLY_HEADER = Converter(ReplyHeader, inference_pb2.ReplyHeader)

REQUEST_LEDGER = Converter(RequestLedger, local_pb2.RequestLedger)
LOCAL_STATUS = Converter(LocalStatus, local_pb2.LocalStatus)
REPLAN_REQUEST = Converter(ReplanRequest, local_pb2.ReplanRequest)
REPLAN_REPLY = Converter(ReplanReply, local_pb2.ReplanReply)
READ_METERS_REQUEST = Converter(ReadMetersRequest, local_pb2.ReadMetersRequest)
METER_READINGS = Converter(MeterReadings, local_pb2.MeterReadings)


def tensor_to_wire(frame: TensorFrame) -> tensors_pb2.Tensor:
    """A whole tensor in one message; raises ContractError for an encoded one."""
    if frame.codec != RAW:
        raise ContractError(f"{frame.spec.name}: encoded by {frame.codec!r}; expected a tensor as it is")
    return tensors_pb2.Tensor(spec=TENSOR_SPEC.to_wire(frame.spec), payload=bytes(frame.payload))


def tensors_from_wire(messages: Iterable[tensors_pb2.Tensor]) -> tuple[TensorFrame, ...]:
    """Checked tensors; raises ContractError where payload and spec do not agree."""
    frames = tuple(
        TensorFrame(spec=TENSOR_SPEC.from_wire(message.spec), payload=message.payload) for message in messages
    )
    headers = headers_of(frames)
    check_header(headers, total_bytes_of(headers))
    return frames


def infer_request_to_wire(request: InferRequest) -> local_pb2.InferRequest:
    """The message of a request; raises ContractError for an encoded tensor."""
    tensors = map(tensor_to_wire, request.tensors)
    return local_pb2.InferRequest(request_id=request.request_id, tensors=tensors, application=request.application)


def infer_request_from_wire(message: local_pb2.InferRequest) -> InferRequest:
    """The request in a message; raises ContractError where a tensor is malformed, or its id or application too long."""
    check_local_id(message.request_id)
    check_local_id(message.application, field="application")
    tensors = tensors_from_wire(message.tensors)
    return InferRequest(request_id=message.request_id, tensors=tensors, application=message.application)


def infer_reply_to_wire(reply: InferReply) -> local_pb2.InferReply:
    """The message of a reply; raises ContractError for an encoded tensor."""
    return local_pb2.InferReply(tensors=map(tensor_to_wire, reply.tensors), ledger=REQUEST_LEDGER.to_wire(reply.ledger))


def infer_reply_from_wire(message: local_pb2.InferReply) -> InferReply:
    """The reply in a message; raises ContractError where it is malformed."""
    return InferReply(tensors=tensors_from_wire(message.tensors), ledger=REQUEST_LEDGER.from_wire(message.ledger))
