"""Framing: whole tensors come out as they went in, and a lying header costs the receiver nothing."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ContractError
from joulecut_core.networks import DTYPES, TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.tensors import (
    CHUNK_BYTES,
    Assembler,
    FrameLimits,
    WireTensor,
    check_header,
    chunks_of,
    headers_of,
    total_bytes_of,
)

SPECS = st.builds(
    TensorSpec,
    name=st.from_regex(r"[a-z_][a-z0-9_.]{0,10}", fullmatch=True),
    dtype=st.sampled_from(sorted(DTYPES)),
    shape=st.lists(st.integers(0, 4), max_size=4).map(tuple),
)


@st.composite
def frames(draw: st.DrawFn) -> TensorFrame:
    """Raw and encoded tensors with payloads as bytes or views, empty ones among them."""
    spec = draw(SPECS)
    if draw(st.booleans()):
        payload = draw(st.binary(min_size=spec.size_bytes, max_size=spec.size_bytes))
        return TensorFrame(spec=spec, payload=memoryview(payload))
    return TensorFrame(
        spec=spec, payload=draw(st.binary(max_size=50)), codec="affine8", codec_header=draw(st.binary(max_size=8))
    )


def tensor(
    payload_bytes: int,
    *,
    shape: tuple[int, ...] = (4,),
    dtype: str = "uint8",
    name: str = "x",
    codec: str = "raw",
    codec_header: bytes = b"",
) -> WireTensor:
    spec = TensorSpec(name=name, dtype=dtype, shape=shape)
    return WireTensor(spec=spec, payload_bytes=payload_bytes, codec=codec, codec_header=codec_header)


def joined(sent: Sequence[TensorFrame], chunk_bytes: int = CHUNK_BYTES) -> list[bytes]:
    return [b"".join(pieces) for pieces in chunks_of(sent, chunk_bytes)]


@given(sent=st.lists(frames(), max_size=5), chunk_bytes=st.integers(1, 64))
@settings(deadline=None)
def test_round_trip(sent: list[TensorFrame], chunk_bytes: int) -> None:
    """Any list of tensors, cut anywhere: also through the middle of a tensor and over several at once."""
    headers = headers_of(sent)
    assembler = Assembler(headers, total_bytes_of(headers))
    chunks = joined(sent, chunk_bytes)
    for chunk in chunks:
        assembler.add(chunk)
    arrived = assembler.frames()
    assert [dataclasses.replace(frame, payload=bytes(frame.payload)) for frame in arrived] == [
        dataclasses.replace(frame, payload=bytes(frame.payload)) for frame in sent
    ]
    assert [len(chunk) for chunk in chunks[:-1]] == [chunk_bytes] * (len(chunks) - 1)


def test_chunks_have_the_size_that_moves_fastest() -> None:
    """Between 512 KiB and 1.5 MiB, whatever the tensor's size."""
    assert 512 << 10 <= CHUNK_BYTES <= 3 << 19
    frame = TensorFrame(spec=TensorSpec(name="x", dtype="uint8", shape=(3_000_000,)), payload=bytes(3_000_000))
    assert [len(chunk) for chunk in joined([frame])] == [CHUNK_BYTES, CHUNK_BYTES, 3_000_000 - 2 * CHUNK_BYTES]


def test_chunks_are_views_of_the_payloads() -> None:
    """The one copy that gRPC needs is made where the message is; a chunk may hold the ends of two tensors."""
    payloads = [bytearray(range(100)), bytearray(range(50))]
    sent = [
        TensorFrame(spec=TensorSpec(name="x", dtype="uint8", shape=(len(each),)), payload=each) for each in payloads
    ]
    (pieces, rest) = chunks_of(sent, 120)
    assert [piece.nbytes for piece in pieces] == [100, 20]
    assert [piece.nbytes for piece in rest] == [30]
    assert [piece.obj for piece in pieces] == payloads


def test_arrived_payloads_are_aligned_and_read_only() -> None:
    """Every element type can be read in place; nobody writes into a tensor that another one shares a buffer with."""
    sent = [
        TensorFrame(spec=TensorSpec(name=name, dtype="uint8", shape=(3,)), payload=b"abc") for name in ("a", "b", "c")
    ]
    headers = headers_of(sent)
    assembler = Assembler(headers, total_bytes_of(headers))
    assembler.add(b"abcabcabc")
    views = [memoryview(frame.payload) for frame in assembler.frames()]
    assert all(view.readonly for view in views)
    whole = memoryview(views[0].obj)
    assert whole.nbytes == 48
    assert [bytes(whole[start : start + 3]) for start in (0, 16, 32)] == [b"abc"] * 3


def test_a_payload_of_several_dimensions_counts_bytes() -> None:
    """`len` of a view of several dimensions counts rows, not bytes."""
    view = memoryview(bytearray(24)).cast("i", [2, 3])
    frame = TensorFrame(spec=TensorSpec(name="x", dtype="int32", shape=(2, 3)), payload=view)
    assert frame.payload_bytes == 24
    assert joined([frame]) == [bytes(24)]


HUGE = 2**63
LIMITS = FrameLimits(tensors=3, payload_bytes=100, decoded_bytes=200)

HOSTILE = {
    "no name": ([tensor(4, name="")], 4, "name ''"),
    "NUL in the name": ([tensor(4, name="x\0")], 4, r"name 'x\\x00'"),
    "newline in the name": ([tensor(4, name="x\n")], 4, "name"),
    "path as a name": ([tensor(4, name="../x")], 4, "name"),
    "long name": ([tensor(4, name="x" * 129)], 4, r"name 'x+\.\.\.'"),
    "unknown element type": ([tensor(4, dtype="object")], 4, "element type 'object'; expected one of bfloat16"),
    "many dimensions": ([tensor(1, shape=(1,) * 17)], 1, "17 dimensions; expected at most 16"),
    "negative dimension": ([tensor(4, shape=(-2, -2))], 4, r"shape \[-2, -2\]"),
    "too few bytes": ([tensor(3)], 3, r"3 payload bytes; expected 4 for uint8\[4\]"),
    "too many bytes": ([tensor(5)], 5, "5 payload bytes; expected 4"),
    "bytes of another type": ([tensor(4, dtype="float32")], 4, "4 payload bytes; expected 16"),
    "product beyond 64 bits": ([tensor(0, shape=(HUGE, HUGE, HUGE))], 0, "0 payload bytes; expected"),
    "negative payload": ([tensor(-1, codec="jpeg90")], -1, "-1 payload bytes"),
    "lying total": ([tensor(4)], 5, "total_bytes is 5; expected 4"),
    "terabytes announced": ([tensor(1 << 40, shape=(1 << 40,))], 1 << 40, "a payload of 1099511627776 bytes"),
    "decompression bomb": ([tensor(10, shape=(201,), codec="jpeg90")], 10, "tensors of 201 bytes once decoded"),
    "nothing of what nobody can make": ([tensor(0, shape=(0, 2**63))], 0, f"tensors of {2**63} bytes once decoded"),
    "bomb of many": ([tensor(1, shape=(90,), codec="fp16")] * 3, 3, "tensors of 270 bytes once decoded"),
    "many tensors": ([tensor(4)] * 4, 16, "a message of 4 tensors; expected at most 3"),
    "bad codec": ([tensor(4, codec="Raw!")], 4, "codec 'Raw!'"),
    "no codec": ([tensor(4, codec="")], 4, "codec ''"),
}


@pytest.mark.parametrize(("tensors", "total_bytes", "complaint"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_header_is_refused(tensors: list[WireTensor], total_bytes: int, complaint: str) -> None:
    """Refused by value and expectation, and by the assembler before it allocates."""
    with pytest.raises(ContractError, match=complaint):
        check_header(tensors, total_bytes, LIMITS)
    with pytest.raises(ContractError, match=complaint):
        Assembler(tensors, total_bytes, limits=LIMITS)


def test_limits_hold_up_to_the_byte() -> None:
    """Exactly at the limit is allowed."""
    check_header([tensor(100, shape=(100,)), tensor(0, shape=(100,), codec="fp16")], 100, LIMITS)


def test_memory_is_taken_with_the_first_chunk_and_given_back_when_dropped() -> None:
    """A request that is refused by its header costs nothing, however much it announces; its bytes are still counted."""
    size_bytes = 48 << 20
    tracemalloc.start()
    try:
        assembler = Assembler([tensor(size_bytes, shape=(size_bytes,))], size_bytes)
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
        assembler.add(b"1")
        assert tracemalloc.get_traced_memory()[0] > size_bytes
        assembler.drop()
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
    assembler.add(bytes(1000))
    assert (assembler.missing_bytes, assembler.kept) == (size_bytes - 1001, False)


def test_a_dropped_message_gives_no_frames() -> None:
    """Whoever dropped it must not hand out what was never filled."""
    assembler = Assembler([tensor(4)], 4)
    assembler.drop()
    assembler.add(b"1234")
    with pytest.raises(ContractError, match="dropped"):
        assembler.frames()


@pytest.mark.parametrize("chunk", [b"", b"12345"], ids=["empty", "too long"])
def test_chunk_out_of_bounds_is_refused(chunk: bytes) -> None:
    """An empty chunk could be sent for ever, a long one would run into the next tensor."""
    assembler = Assembler([tensor(4)], 4)
    with pytest.raises(ContractError, match=f"a chunk of {len(chunk)} bytes; expected 1 to 4"):
        assembler.add(chunk)


def test_nothing_is_given_out_before_the_last_byte() -> None:
    """A tensor with zeros where bytes are missing would be a wrong answer."""
    assembler = Assembler([tensor(4)], 4)
    assembler.add(b"123")
    with pytest.raises(ContractError, match="1 bytes of the payload are missing"):
        assembler.frames()
    assembler.add(b"4")
    assert bytes(assembler.frames()[0].payload) == b"1234"
