"""Fields that are written by hand: the same bytes as the protobuf library writes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_proto.streaming.fields import (
    bytes_field,
    double_field,
    number_field,
    optional_double_field,
    read_varint,
    varint,
)
from joulecut_proto.v1 import inference_pb2


@given(value=st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_numbers_as_the_library_writes_them(value: int) -> None:
    """Of any length, and nothing for zero."""
    assert number_field(b"\x20", value) == inference_pb2.RequestHeader(epoch=value).SerializeToString()


@given(value=st.floats(allow_nan=False))
@settings(deadline=None)
def test_doubles_as_the_library_writes_them(value: float) -> None:
    """Zero is left out of a plain field and sent in one that may be absent; minus zero is a number of its own."""
    assert double_field(0x39, value) == inference_pb2.ReplyHeader(queue_s=value).SerializeToString()
    assert optional_double_field(0x51, value) == inference_pb2.ReplyHeader(server_energy_j=value).SerializeToString()


def test_what_is_absent_takes_no_bytes() -> None:
    """None, and empty text; not minus zero."""
    assert optional_double_field(0x51, None) == b""
    assert bytes_field(b"\x0a", b"") == b""
    assert math.copysign(1.0, inference_pb2.ReplyHeader.FromString(double_field(0x39, -0.0)).queue_s) == -1.0


@given(value=st.text())
@settings(deadline=None)
def test_text_as_the_library_writes_it(value: str) -> None:
    """Behind its length in bytes, not characters."""
    assert bytes_field(b"\x12", value.encode()) == inference_pb2.RequestHeader(session_id=value).SerializeToString()


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_what_no_field_can_hold_is_refused(value: int) -> None:
    """A negative number would never end."""
    with pytest.raises(ValueError, match="in a varint; expected 0 to"):
        varint(value)


@given(value=st.integers(0, 2**35 - 1), before=st.binary(max_size=3))
@settings(deadline=None)
def test_numbers_read_back(value: int, before: bytes) -> None:
    """With the place where they end."""
    content = before + varint(value)
    assert read_varint(content + b"\xff", len(before)) == (value, len(content))


@pytest.mark.parametrize("value", [shift << 7 * digits for digits in range(1, 5) for shift in (1, 3)])
def test_numbers_whose_first_digits_are_nothing_read_back(value: int) -> None:
    """As the round sizes of tensors are: a digit of nothing is one that is followed, not the last."""
    content = varint(value)
    assert read_varint(content, 0) == (value, len(content))


@pytest.mark.parametrize("content", [b"", b"\x80", b"\xff\xff\xff\xff\xff\x01"])
def test_a_number_that_does_not_end_is_none(content: bytes) -> None:
    """Cut off, or longer than a length may be."""
    with pytest.raises(IndexError):
        read_varint(content, 0)
