"""The field that carries a trace to a server: read strictly, ignored where it is anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_proto.inference_messages import RequestHeader
from joulecut_proto.streaming.header_reading import read_request_header
from joulecut_proto.streaming.header_writing import request_header_bytes
from joulecut_proto.tracing.traceparent import TraceParent, parse_traceparent

# The example of the W3C recommendation, https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers
EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_recommendations_example() -> None:
    """Ids and flag as the recommendation reads them; written back it is the same."""
    parent = parse_traceparent(EXAMPLE)
    assert parent == TraceParent(
        trace_id=0x4BF92F3577B34DA6A3CE929D0E0E4736, span_id=0x00F067AA0BA902B7, is_sampled=True
    )
    assert str(parent) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        EXAMPLE[:-1],
        f"{EXAMPLE}0",
        f"{EXAMPLE}\n",
        EXAMPLE.upper(),
        EXAMPLE.replace("00-", "ff-", 1),
        EXAMPLE.replace("4bf9", "\uff14bf9"),
        EXAMPLE.replace("4bf9", "+bf9"),
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
        EXAMPLE.replace("-", "_"),
        "0" * 55,
        "0" * 100_000,
    ],
)
def test_anything_else_is_ignored(text: str) -> None:
    """Wrong lengths, versions, digits and zero ids: no error, no parent."""
    assert parse_traceparent(text) is None


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    """Whatever an edge sends there, its request is not refused for it."""
    parent = parse_traceparent(text)
    assert parent is None or str(parent)[:-2] == text[:-2]


def test_it_travels_in_the_header() -> None:
    """A request keeps it on the wire; a header without one, as older edges send, has none."""
    header = RequestHeader(
        session_id="s", request_id="r", epoch=1, network_digest="d", cut=0, codec="raw", variant="", traceparent=EXAMPLE
    )
    assert read_request_header(request_header_bytes(header, ())).traceparent == EXAMPLE
    plain = RequestHeader(session_id="s", request_id="r", epoch=1, network_digest="d", cut=0, codec="raw", variant="")
    content = request_header_bytes(plain, ())
    assert EXAMPLE.encode() not in content
    assert read_request_header(content).traceparent == ""
