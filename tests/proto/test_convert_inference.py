"""Whole tensors in one message, as applications send them."""

from __future__ import annotations

import numpy as np
import pytest

from joulecut_core.errors import ContractError
from joulecut_core.ledgers import RequestJoules, RequestLedger, RequestSeconds
from joulecut_core.networks import DTYPES, TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.convert_inference import (
    infer_reply_from_wire,
    infer_reply_to_wire,
    infer_request_from_wire,
    infer_request_to_wire,
    tensor_to_wire,
)
from joulecut_proto.local_messages import InferReply, InferRequest
from joulecut_proto.tensor_arrays import array_of, frame_of
from joulecut_proto.v1 import local_pb2, tensors_pb2

LEDGER = RequestLedger(
    request_id="7",
    epoch=3,
    cut=2,
    codec="jpeg98",
    served_by="split",
    fallback=False,
    seconds=RequestSeconds(head=0.01, total=0.05),
    joules=RequestJoules(edge_busy=0.1),
    attempts=2,
    variant="bf16",
)


def test_every_element_type_of_core_is_on_the_wire() -> None:
    """A type that a network may have and the contract lacks would fail at the first request."""
    names = {value.name.removeprefix("DTYPE_").lower() for value in tensors_pb2.DType.DESCRIPTOR.values}
    assert names - {"unspecified"} == DTYPES


def test_request_and_reply_round_trip() -> None:
    """Arrays, names and the ledger."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    frames = (frame_of("image", array), frame_of("mask", np.zeros(0, dtype=np.bool_)))
    sent = InferRequest(request_id="7", tensors=frames, application="camera")
    request = infer_request_from_wire(infer_request_to_wire(sent))
    assert (request.request_id, request.application) == ("7", "camera")
    assert [frame.spec for frame in request.tensors] == [frame.spec for frame in frames]
    np.testing.assert_array_equal(array_of(request.tensors[0]), array)
    reply = infer_reply_from_wire(infer_reply_to_wire(InferReply(tensors=frames, ledger=LEDGER)))
    np.testing.assert_array_equal(array_of(reply.tensors[0]), array)
    assert reply.ledger == LEDGER


def test_payload_of_another_length_is_refused() -> None:
    """A tensor that does not fill its shape is found before anything reads it."""
    spec = tensors_pb2.TensorSpec(name="x", dtype=tensors_pb2.DTYPE_FLOAT32, shape=[2])
    message = local_pb2.InferRequest(tensors=[tensors_pb2.Tensor(spec=spec, payload=b"1234567")])
    with pytest.raises(ContractError, match=r"7 payload bytes; expected 8 for float32\[2\]"):
        infer_request_from_wire(message)


def test_encoded_tensors_are_refused() -> None:
    """Codecs belong to the stream between agents; applications send tensors as they are."""
    frame = TensorFrame(spec=TensorSpec(name="x", dtype="uint8", shape=(1,)), payload=b"a", codec="jpeg90")
    with pytest.raises(ContractError, match="encoded by 'jpeg90'"):
        tensor_to_wire(frame)


def test_a_reply_without_a_ledger_is_refused() -> None:
    """Seconds and joules are part of the answer."""
    with pytest.raises(ContractError, match="missing"):
        infer_reply_from_wire(local_pb2.InferReply())
