"""Objects in serialised messages: counted as the parser would make them, and no further than asked."""

from __future__ import annotations

from contextlib import suppress

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ContractError
from joulecut_core.problems import Problem
from joulecut_planner import parse_problem
from joulecut_proto.convert_planning import PROBLEM
from joulecut_proto.message_counts import count_objects
from joulecut_proto.v1 import planning_pb2
from tests.planner.problem_strategies import problems
from tests.planner.small_document import small_document
from tests.thoroughness import examples

SMALL = PROBLEM.to_wire(parse_problem(small_document()))
PLENTY = 1 << 30
EMPTY_CUT = b"".join((bytes([planning_pb2.Problem.DESCRIPTOR.fields_by_name["cuts"].number << 3 | 2]), b"\x00"))


def parsed_objects(message: Message) -> int:
    """The same count, on what the parser made."""
    count = 0
    for field, value in message.ListFields():
        for item in value if field.is_repeated else (value,):
            if field.message_type is not None:
                count += 1 + parsed_objects(item)
            elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
                count += 1
    return count


@settings(max_examples=examples(60), deadline=None)
@given(problems())
def test_bytes_are_counted_as_the_parser_would_make_them(problem: Problem) -> None:
    """Drawn problems: messages and texts at every depth, none twice, none forgotten."""
    message = PROBLEM.to_wire(problem)
    assert count_objects(message.SerializeToString(), planning_pb2.Problem, most=PLENTY) == parsed_objects(message)


def test_counting_stops_above_the_bound() -> None:
    """Two bytes each: a million empty cuts are told after ten of them."""
    cuts = EMPTY_CUT * 1_000_000
    assert count_objects(cuts, planning_pb2.Problem, most=10) == 11


def test_a_bound_that_is_just_reached_is_no_complaint() -> None:
    """The count itself is returned up to and at the bound."""
    content = SMALL.SerializeToString()
    count = parsed_objects(SMALL)
    assert count_objects(content, planning_pb2.Problem, most=count) == count
    assert count_objects(content, planning_pb2.Problem, most=count - 1) == count


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_hostile_bytes_end_in_a_count_or_a_complaint(data: st.DataObject) -> None:
    """Whatever the bytes: what the parser takes is counted in full or refused; merged messages count each time."""
    content = bytearray(SMALL.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    try:
        parsed = planning_pb2.Problem.FromString(bytes(content))
    except DecodeError:
        return
    with suppress(ContractError):
        assert count_objects(bytes(content), planning_pb2.Problem, most=PLENTY) >= parsed_objects(parsed)


@pytest.mark.parametrize(
    "content",
    [b"\x80", b"\xff" * 11, b"\x0b", b"\x0d\x00\x00", b"\x12\x05ab", b"\x12"],
    ids=["cut tag", "endless tag", "group", "short number", "short text", "no length"],
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    """Cut off, endless, or of a wire type that the contract never sends; the complaint says how long it was."""
    with pytest.raises(ContractError, match=f"^{len(content)} bytes that are no Problem; send it again$"):
        count_objects(content, planning_pb2.Problem, most=PLENTY)
