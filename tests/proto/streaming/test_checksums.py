"""Checksums: no flipped bit of what travels goes unnoticed, and honest content always agrees."""

from __future__ import annotations

import dataclasses

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.errors import ContractError, LinkError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_proto.convert_inference import REQUEST_HEADER
from joulecut_proto.inference_messages import RequestHeader
from joulecut_proto.streaming.checksums import PayloadChecksum, header_checksum
from joulecut_proto.streaming.collecting import Collected, Collector
from joulecut_proto.streaming.parts import Part, part_bytes, read_part
from joulecut_proto.tensors import chunks_of
from joulecut_proto.v1 import inference_pb2
from tests.thoroughness import examples

REQUEST = RequestHeader(
    session_id="edge-1",
    request_id="r/7",
    epoch=3,
    network_digest="sha256:00",
    cut=2,
    codec="affine8",
    variant="fp32",
    budget_s=0.25,
    priority=1,
    attempt=1,
)
FRAMES = (
    TensorFrame(
        spec=TensorSpec(name="a", dtype="float32", shape=(5, 4)),
        payload=bytes(range(20)),
        codec="affine8",
        codec_header=b"\x01\x02",
    ),
    TensorFrame(spec=TensorSpec(name="b", dtype="uint8", shape=(9,)), payload=b"nine\0byte"),
)
CHUNK_BYTES = 8


def sent() -> list[bytes]:
    """The messages of one request, in many small chunks."""
    checksum = PayloadChecksum()
    header: bytes | None = REQUEST_HEADER.to_wire(REQUEST.carrying(FRAMES)).SerializeToString()
    messages = []
    for pieces in chunks_of(FRAMES, CHUNK_BYTES):
        messages.append(part_bytes(header, pieces, checksum.take(*pieces)))
        header = None
    return messages


def received(messages: list[bytes]) -> Collected[RequestHeader] | None:
    """What a receiver makes of them."""
    collector: Collector[RequestHeader] = Collector()
    item = None
    for message in messages:
        part = read_part(message, peer="the edge")
        if part.header is not None:
            collector.begin(REQUEST_HEADER.from_wire(inference_pb2.RequestHeader.FromString(part.header)))
        item = collector.take(part)
    return item


SENT = sent()
PLACES = [(index, place) for index, message in enumerate(SENT) for place in range(len(message))]


def test_what_was_sent_arrives() -> None:
    """In several chunks, some of them over the border of two tensors."""
    item = received(SENT)
    assert item is not None
    assert item.header == REQUEST.carrying(FRAMES)
    assert item.frames is not None
    assert [bytes(each.payload) for each in item.frames] == [bytes(each.payload) for each in FRAMES]
    assert len(SENT) == 4


@given(where=st.sampled_from(PLACES), flipped=st.integers(1, 255))
@settings(deadline=None, max_examples=examples(600))
def test_no_damaged_byte_is_believed(where: tuple[int, int], flipped: int) -> None:
    """Wherever it is: the item is known to be damaged, or the stream is. Nothing else is ever given out."""
    index, place = where
    damaged = bytearray(SENT[index])
    damaged[place] ^= flipped
    try:
        item = received([*SENT[:index], bytes(damaged), *SENT[index + 1 :]])
    except (LinkError, ContractError):
        return
    assert item is None or item.frames is None


@given(place=st.integers(0, len(SENT[0]) - 1), flipped=st.integers(1, 255))
@settings(deadline=None, max_examples=examples(300))
def test_a_damaged_header_is_a_matter_of_the_link(place: int, flipped: int) -> None:
    """Not of the contract: the request is worth sending again. Only its payload may wait for its own verdict."""
    damaged = bytearray(SENT[0])
    damaged[place] ^= flipped
    try:
        part = read_part(bytes(damaged), peer="the edge")
    except LinkError:
        return
    assert part.header == read_part(SENT[0], peer="the edge").header


def test_chunks_of_the_wrong_place_are_noticed() -> None:
    """Chunks of equal length, each sound by itself: swapped, doubled in place of another, or of another request."""
    swapped = [SENT[0], SENT[2], SENT[1], SENT[3]]
    doubled = [SENT[0], SENT[1], SENT[1], SENT[3]]
    other = (dataclasses.replace(FRAMES[0], payload=bytes(20)), FRAMES[1])
    checksum = PayloadChecksum()
    foreign = [part_bytes(None, pieces, checksum.take(*pieces)) for pieces in chunks_of(other, CHUNK_BYTES)][2]
    for messages in (swapped, doubled, [*SENT[:2], foreign, SENT[3]]):
        item = received(messages)
        assert item is not None
        assert item.frames is None


def test_a_checksum_is_not_optional() -> None:
    """Otherwise a damaged tag could pass for a peer that gives none."""
    header = REQUEST_HEADER.to_wire(REQUEST).SerializeToString()
    for part in (inference_pb2.InferencePart(header=header), inference_pb2.InferencePart(chunk=b"abc")):
        with pytest.raises(LinkError, match="checksum"):
            read_part(part.SerializeToString(), peer="the edge")


def test_checksums_are_those_of_the_contract() -> None:
    """XXH3-64, seeded with the chunk before: another implementation has to agree."""
    checksum = PayloadChecksum()
    first, second = checksum.take(b"abc"), checksum.take(b"def")
    assert first == xxhash.xxh3_64(b"abc", seed=0).intdigest()
    assert second == xxhash.xxh3_64(b"def", seed=first).intdigest()
    assert checksum.value == second
    assert header_checksum(b"abc") == first


@given(pieces=st.lists(st.binary(max_size=20), min_size=1, max_size=4), seed=st.binary(max_size=5))
@settings(deadline=None)
def test_pieces_do_not_matter(pieces: list[bytes], seed: bytes) -> None:
    """The receiver sees one chunk where the sender had the ends of several tensors."""
    apart, whole = PayloadChecksum(), PayloadChecksum()
    assert apart.take(seed) == whole.take(seed)
    assert apart.take(*pieces) == whole.take(b"".join(pieces))


@given(header=st.none() | st.binary(max_size=300), chunk=st.binary(max_size=300), checksum=st.integers(0, 2**64 - 1))
@settings(deadline=None)
def test_messages_are_those_of_the_schema(header: bytes | None, chunk: bytes, checksum: int) -> None:
    """Written and read by hand for speed, and still protobuf: its library reads and writes the same fields."""
    written = part_bytes(header, (chunk,), checksum)
    message = inference_pb2.InferencePart.FromString(written)
    assert (message.header if message.HasField("header") else None, message.chunk) == (header, chunk)
    assert message.SerializeToString() == written
    # Fields in another order are the same message to protobuf, and so to a reader.
    reordered = b"".join(
        each.SerializeToString()
        for each in (
            inference_pb2.InferencePart(chunk=chunk, chunk_checksum=checksum)
            if chunk
            else inference_pb2.InferencePart(),
            inference_pb2.InferencePart(header=header, header_checksum=message.header_checksum)
            if header is not None
            else inference_pb2.InferencePart(),
        )
    )
    expected = Part(header, memoryview(chunk), checksum if chunk else 0)
    for each in (written, reordered):
        assert read_part(each, peer="the edge") == expected
