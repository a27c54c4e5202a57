"""Hot headers: written out by hand, and the same in every case as what the converters make of them."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import assume, given, settings

from joulecut_core.errors import ContractError
from joulecut_core.networks import TensorSpec
from joulecut_proto.contract import CONTRACT_VERSION
from joulecut_proto.convert_inference import REPLY_HEADER, REQUEST_HEADER
from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
from joulecut_proto.streaming.header_reading import read_reply_header, read_request_header
from joulecut_proto.streaming.header_writing import reply_header_bytes, request_header_bytes
from joulecut_proto.tensors import WireTensor, total_bytes_of
from joulecut_proto.v1 import inference_pb2, tensors_pb2
from tests.proto.drawn_values import values_of

REQUEST = RequestHeader(
    session_id="edge-1", request_id="r/0", epoch=3, network_digest="sha256:00", cut=2, codec="raw", variant="fp32"
)
REPLY = ReplyHeader(request_id="r/0", current_epoch=3)
RAW_ONES = tuple(
    WireTensor(spec=TensorSpec(name=name, dtype="uint8", shape=(4,)), payload_bytes=4) for name in ("x", "y")
)
CODED = tuple(dataclasses.replace(tensor, codec="u8", codec_header=b"\x01") for tensor in RAW_ONES)
_SECONDS_AND_JOULES = ("queue_s", "decode_s", "tail_s", "server_energy_j", "server_wait_j", "retry_after_s")
_TOO_MANY_BYTES = 1 << 64
"""For the field: several tensors of nearly as many cannot be sent together."""
SPEC = TensorSpec(name="x", dtype="uint8", shape=(4,))
"""One that is sent and read before it is damaged: what is remembered must not hide what is wrong."""


@given(header=values_of(REQUEST_HEADER))
@settings(deadline=None)
def test_requests_as_the_converter_does(header: RequestHeader) -> None:
    """The same message, and the header back, with and without every optional field, in whatever order they come."""
    assume(total_bytes_of(header.tensors) < _TOO_MANY_BYTES)
    header = dataclasses.replace(
        header,
        contract_version=CONTRACT_VERSION,
        session_id="edge-1",
        request_id="r/0",
        total_bytes=total_bytes_of(header.tensors),
    )
    content = request_header_bytes(dataclasses.replace(header, tensors=(), total_bytes=0), header.tensors)
    message = REQUEST_HEADER.to_wire(header)
    assert inference_pb2.RequestHeader.FromString(content) == message
    assert read_request_header(content) == header
    assert read_request_header(message.SerializeToString()) == header


@given(header=values_of(REPLY_HEADER))
@settings(deadline=None)
def test_replies_as_the_converter_does(header: ReplyHeader) -> None:
    """The same message, and the header back, in whatever order its fields come."""
    assume(total_bytes_of(header.tensors) < _TOO_MANY_BYTES)
    amounts = {name: getattr(header, name) for name in _SECONDS_AND_JOULES}
    changes: dict[str, Any] = {
        name: None if amount is None else min(abs(amount), 1e12) for name, amount in amounts.items()
    }
    header = dataclasses.replace(header, total_bytes=total_bytes_of(header.tensors), **changes)
    content = reply_header_bytes(dataclasses.replace(header, tensors=(), total_bytes=0), header.tensors)
    message = REPLY_HEADER.to_wire(header)
    assert inference_pb2.ReplyHeader.FromString(content) == message
    assert read_reply_header(content) == header
    assert read_reply_header(message.SerializeToString()) == header


@pytest.mark.parametrize("tensors", [(), RAW_ONES, CODED], ids=["none", "remembered", "new each time"])
@pytest.mark.parametrize(
    "twice",
    [
        inference_pb2.RequestHeader(request_id="r/9"),
        inference_pb2.RequestHeader(budget_s=0.0),
        inference_pb2.RequestHeader(traceparent="00-1"),
        inference_pb2.RequestHeader(total_bytes=9),
        inference_pb2.RequestHeader(
            tensors=[tensors_pb2.WireTensor(spec=tensors_pb2.TensorSpec(name="z", dtype="DTYPE_UINT8"))]
        ),
        inference_pb2.RequestHeader(session_id="edge-2", variant="fp16"),
    ],
    ids=lambda message: ",".join(field.name for field, _ in message.ListFields()),
)
def test_of_a_field_that_comes_twice_the_last_counts(
    twice: inference_pb2.RequestHeader, tensors: tuple[WireTensor, ...]
) -> None:
    """As the library has it, wherever in the bytes it stands and whatever is remembered of others."""
    first = dataclasses.replace(REQUEST, budget_s=1.5, traceparent="00-0")
    content = request_header_bytes(first, tensors) + twice.SerializeToString()
    assert read_request_header(content) == REQUEST_HEADER.from_wire(inference_pb2.RequestHeader.FromString(content))


def test_tensors_in_two_places_are_all_read() -> None:
    """A writer may put some ahead of what seldom changes and some behind it."""
    whole = REQUEST_HEADER.to_wire(dataclasses.replace(REQUEST, tensors=CODED + RAW_ONES, total_bytes=16))
    behind = inference_pb2.RequestHeader(tensors=whole.tensors[2:], total_bytes=16)
    for name in ("contract_version", "session_id", "epoch", "network_digest", "cut", "codec", "variant"):
        setattr(behind, name, getattr(whole, name))
    ahead = (
        inference_pb2.RequestHeader(request_id="r/0"),
        inference_pb2.RequestHeader(tensors=whole.tensors[:2], total_bytes=8),
    )
    content = b"".join(message.SerializeToString() for message in (*ahead, behind))
    assert read_request_header(content) == REQUEST_HEADER.from_wire(whole)


@pytest.mark.parametrize("empty", [b"\x1a\x00", b"\x12\x00"], ids=["request_id", "session_id"])
def test_an_id_that_comes_again_empty_is_refused(empty: bytes) -> None:
    """The empty one counts, though the library would not write it."""
    with pytest.raises(ContractError, match="_id: '' of 0 characters; expected 1 to 128 printable"):
        read_request_header(request_header_bytes(REQUEST, ()) + empty)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (inference_pb2.RequestHeader(budget_s=math.nan), "budget_s: nan; expected a finite number"),
        (inference_pb2.RequestHeader(tensors=[tensors_pb2.WireTensor(codec="raw")]), r"tensors\[1\]\.spec: missing"),
        (
            inference_pb2.RequestHeader(
                tensors=[tensors_pb2.WireTensor(spec=tensors_pb2.TensorSpec(name="x", dtype=cast(Any, 99)))]
            ),
            r"tensors\[1\]\.spec\.dtype: DType 99 is unknown",
        ),
    ],
    ids=["not finite", "no spec", "unknown type"],
)
def test_a_malformed_request_has_the_converters_complaint(changed: inference_pb2.RequestHeader, complaint: str) -> None:
    """Path, value and expectation."""
    message = REQUEST_HEADER.to_wire(dataclasses.replace(REQUEST, tensors=(WireTensor(spec=SPEC, payload_bytes=4),)))
    message.MergeFrom(changed)
    with pytest.raises(ContractError, match=complaint):
        read_request_header(message.SerializeToString())


def test_another_contract_version_is_refused_however_often_it_comes() -> None:
    """In the order in which edges write it, which is read by hand and remembered."""
    stranger = dataclasses.replace(REQUEST, contract_version=CONTRACT_VERSION + 1)
    for _ in range(2):
        with pytest.raises(ContractError, match=f"contract version {CONTRACT_VERSION + 1}"):
            read_request_header(request_header_bytes(stranger, ()))


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("status", 99, "status: ReplyStatus 99 is unknown"),
        ("status", 0, "status: missing"),
        ("figures", 99, "figures: FigureKind 99 is unknown"),
        ("origin", 99, "origin: Origin 99 is unknown"),
        ("tail_s", math.inf, "tail_s: inf; expected a finite number"),
        ("server_energy_j", math.nan, "server_energy_j: nan; expected a finite number"),
    ],
)
def test_a_malformed_reply_has_the_converters_complaint(field: str, value: float, complaint: str) -> None:
    """Path, value and expectation."""
    message = REPLY_HEADER.to_wire(REPLY)
    setattr(message, field, value)
    try:
        expected = REPLY_HEADER.from_wire(message)
    except ContractError:
        with pytest.raises(ContractError, match=complaint):
            read_reply_header(message.SerializeToString())
    else:
        assert read_reply_header(message.SerializeToString()) == expected


@pytest.mark.parametrize("field", _SECONDS_AND_JOULES)
@pytest.mark.parametrize("value", [-1e-9, 1e308])
@pytest.mark.parametrize("by_hand", [True, False])
def test_seconds_and_joules_that_no_request_takes_are_refused(field: str, value: float, by_hand: bool) -> None:
    """Negative ones would be taken off what the edge has counted, and huge ones overflow it, whoever reads them."""
    changes: dict[str, Any] = {"decode_s": 0.5, field: value}
    header = dataclasses.replace(REPLY, **changes)
    content = reply_header_bytes(header, ()) if by_hand else REPLY_HEADER.to_wire(header).SerializeToString()
    with pytest.raises(ContractError, match=re.escape(f"{field}: {value}; expected 0 to 1e+12")):
        read_reply_header(content)


@pytest.mark.parametrize(
    "broken", [{"budget_s": math.inf}, {"cut": -1}, {"epoch": "3"}], ids=lambda each: next(iter(each))
)
def test_what_cannot_be_sent_is_refused(broken: dict[str, object]) -> None:
    """Before a byte of it is."""
    with pytest.raises(ContractError, match=f"{next(iter(broken))}.*"):
        request_header_bytes(dataclasses.replace(REQUEST, **broken), ())  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="queue_s: nan; expected a finite number"):
        reply_header_bytes(dataclasses.replace(REPLY, queue_s=math.nan), ())


def test_bytes_that_are_no_header() -> None:
    """Sound by their checksum, and still nothing that this side knows."""
    with pytest.raises(ContractError, match="a header of 1 bytes that is no RequestHeader"):
        read_request_header(b"\xff")
    with pytest.raises(ContractError, match="a header of 1 bytes that is no ReplyHeader"):
        read_reply_header(b"\xff")


def test_a_long_spec_is_not_remembered() -> None:
    """A name of many kilobytes reads like any other, and takes no room among those that come again."""
    spec = TensorSpec(name="x" * 100_000, dtype="uint8", shape=(1,))
    header = dataclasses.replace(REQUEST, tensors=(WireTensor(spec=spec, payload_bytes=1),), total_bytes=1)
    assert read_request_header(REQUEST_HEADER.to_wire(header).SerializeToString()) == header


@pytest.mark.parametrize("read", [read_request_header, read_reply_header])
def test_a_header_that_is_too_much_is_refused_by_its_size(
    read: Callable[[bytes], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its bytes before it is read, by the number of its tensors before anything is made of them."""
    many = inference_pb2.RequestHeader(
        contract_version=CONTRACT_VERSION, session_id="s", request_id="r", tensors=[tensors_pb2.WireTensor()] * 257
    )
    reply = inference_pb2.ReplyHeader(request_id="r", tensors=[tensors_pb2.WireTensor()] * 257)
    message = many if read is read_request_header else reply
    with pytest.raises(ContractError, match="a message of 257 tensors; expected at most 256"):
        read(message.SerializeToString())
    monkeypatch.setattr("joulecut_proto.streaming.header_reading._read", None)
    with pytest.raises(ContractError, match="a header of 300000 bytes; expected at most 262144"):
        read(bytes(300_000))


@pytest.mark.parametrize("field", ["session_id", "request_id"])
@pytest.mark.parametrize("value", ["", "x" * 129, "a b", "a\nb", "\u00e4"])
def test_ids_are_short_and_printable(field: str, value: str) -> None:
    """They are remembered and logged: a megabyte of name, or a line of log in it, is refused with its header."""
    message = REQUEST_HEADER.to_wire(REQUEST)
    setattr(message, field, value)
    changed: dict[str, Any] = {field: value}
    own = request_header_bytes(dataclasses.replace(REQUEST, **changed), ())
    for content in (message.SerializeToString(), own):
        with pytest.raises(ContractError, match=f"{field}: .* of {len(value)} characters; expected 1 to 128 printable"):
            read_request_header(content)
