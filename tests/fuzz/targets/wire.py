"""What comes over the network: messages, streams of tensors, and encoded tensors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

import torch
from google.protobuf.message import DecodeError, Message

from joulecut_core.errors import ContractError, JoulecutError, LinkError
from joulecut_core.networks import TensorSpec
from joulecut_core.tensor_frames import TensorFrame
from joulecut_edge.peers.servers import parse_servers
from joulecut_proto.addresses import parse_address
from joulecut_proto.convert_inference import REQUEST_HEADER, infer_request_from_wire, infer_request_to_wire
from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
from joulecut_proto.local_messages import InferRequest
from joulecut_proto.messages import Converter
from joulecut_proto.security.forwarded import forwarded_identity
from joulecut_proto.security.identity import parse_identity
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from joulecut_proto.tensors import Assembler
from joulecut_proto.v1 import inference_pb2, local_pb2
from joulecut_runtime.wires.codecs import codec, codec_names, decode_expected
from tests.fuzz.messages import reshaper
from tests.fuzz.target import Target
from tests.fuzz.targets.drawn import Later, drawn
from tests.kept import kept
from tests.proto.converters import CONVERTERS
from tests.proto.drawn_values import values_of
from tests.runtime.smooth_pictures import picture

_NOT_A_MESSAGE = (ContractError, DecodeError)
_STREAM_REFUSALS = (ContractError, LinkError)


def wire_targets() -> list[Target[Any]]:
    """Every reader of bytes that a peer sent."""
    return [
        *(_converter(name, converter) for name, converter in sorted(CONVERTERS.items())),
        *_streams(),
        _local_request(),
        *(_codec(name) for name in codec_names()),
        Target(
            name="address",
            read=lambda data: parse_address(data.decode("utf-8", "replace")),
            seeds=[b"127.0.0.1:7000", b"[::1]:0", b"unix:/run/joulecut/edge.sock", b"gpu-1.site:65535"],
            write=lambda value: str(value).encode(),
        ),
        Target(
            name="servers",
            read=lambda data: parse_servers(data.decode("utf-8", "replace")),
            seeds=[b"gpu-1:7000, gpu-2:7001", b"dns:gpu.site:7000", b"unix:/run/joulecut/server.sock,[::1]:7"],
        ),
        Target(
            name="identity",
            read=lambda data: parse_identity(data.decode("utf-8", "replace")),
            seeds=[b"spiffe://site/edge/camera-1", b"spiffe://lab.example/server/gpu-box"],
            write=lambda value: str(value).encode(),
            words=[b"spiffe://", b"/server/", b"/operator/", b"//", b"%2f"],
        ),
        Target(
            name="forwarded-identity",
            read=lambda data: forwarded_identity(data.decode("utf-8", "replace")),
            seeds=[
                b'By=spiffe://site/proxy/envoy;Hash=0a1b;Subject="CN=camera-1,O=\\"x\\"";URI=spiffe://site/edge/camera-1',
                b"URI=spiffe://site/edge/a;DNS=a.site;DNS=b.site",
            ],
            words=[b"URI=", b";", b",", b'\\"', b"By=", b"spiffe://site/server/x"],
        ),
    ]


def _converter(name: str, converter: Converter[Any, Any]) -> Target[Any]:
    """A message: whatever parses either has every field in range or is refused, and reads back equal."""

    def read(data: bytes) -> Any:
        message = converter.message()
        message.ParseFromString(data)
        return converter.from_wire(message)

    def write(value: Any) -> bytes:
        message: Message = converter.to_wire(value)
        return message.SerializeToString()

    def seeds() -> list[bytes]:
        return [write(value) for value in drawn(values_of(converter), 6)]

    told = f"message-{name.lower().replace('_', '-')}"
    return Target(
        name=told,
        read=read,
        write=write,
        seeds=Later(
            lambda: kept(
                told,
                seeds,
                write=lambda made, place: place.write_bytes(_framed(*made)),
                read=lambda place: _messages(place.read_bytes()),
            )
        ),
        refusals=(JoulecutError, DecodeError),
        reshape=reshaper(converter.message),
        rate=0.5,
    )


def _framed(*messages: bytes) -> bytes:
    """Messages behind their lengths, four bytes each."""
    return b"".join(len(each).to_bytes(4, "big") + each for each in messages)


def _messages(data: bytes) -> list[bytes]:
    """The reverse of `_framed`, for as far as it goes."""
    messages, place = [], 0
    while place + 4 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        messages.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return messages


class _Call:
    """The client's end of a stream that goes nowhere: keeps what is written, and gives what it was made with."""

    def __init__(self, answers: Sequence[bytes] = ()) -> None:
        self.written: list[bytes] = []
        self._answers = answers

    async def write(self, message: bytes) -> None:
        """Keep a message."""
        self.written.append(message)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for answer in self._answers:
            yield answer

    def done(self) -> bool:
        """Never by itself."""
        return False

    def cancel(self) -> None:
        """Nothing to end."""


class _Channel:
    """Opens such a stream."""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def stream_stream(self, *_: object, **__: object) -> Callable[..., _Call]:
        """The stub's way to the call."""
        return lambda *_, **__: self._call


def _client(call: _Call) -> InferenceClientStream:
    return InferenceClientStream(cast(Any, _Channel(call)), peer="the server")


_FRAMES = (
    TensorFrame(spec=TensorSpec(name="a", dtype="uint8", shape=(2, 3)), payload=b"abcdef", codec="raw"),
    TensorFrame(spec=TensorSpec(name="b", dtype="float32", shape=()), payload=b"\0\0\x80\x3f", codec="raw"),
)
_REQUEST = RequestHeader(
    session_id="edge-1", request_id="r/0", epoch=3, network_digest="sha256:0", cut=2, codec="raw", variant="fp32"
)


async def _all(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


async def _sent(frames: Sequence[TensorFrame]) -> bytes:
    call = _Call()
    await _client(call).send(_REQUEST, frames)
    return _framed(*call.written)


async def _replied(frames: Sequence[TensorFrame]) -> bytes:
    written: list[bytes] = []

    async def write(message: bytes) -> None:
        written.append(message)

    await InferenceServerStream(_given(()), write).reply(ReplyHeader(request_id="r/0", current_epoch=3), frames)
    return _framed(*written)


async def _given(messages: Sequence[bytes]) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


async def _ignored(message: bytes) -> None:
    del message


def _streams() -> list[Target[Any]]:
    """Whole streams of either direction, and headers whose tensors have yet to come."""

    def requests(data: bytes) -> int:
        messages = _messages(data)
        return len(asyncio.run(_all(InferenceServerStream(_given(messages), _ignored).requests())))

    def replies(data: bytes) -> int:
        messages = _messages(data)
        return len(asyncio.run(_all(_client(_Call(messages)).replies())))

    def header(data: bytes) -> int:
        message = inference_pb2.RequestHeader()
        message.ParseFromString(data)
        believed = REQUEST_HEADER.from_wire(message)
        return Assembler(believed.tensors, believed.total_bytes).missing_bytes

    up = [asyncio.run(_sent(frames)) for frames in (_FRAMES, _FRAMES[:1], ())]
    down = [asyncio.run(_replied(frames)) for frames in (_FRAMES, ())]
    return [
        Target(name="stream-of-requests", read=requests, seeds=[*up, up[0] + up[2]], refusals=_STREAM_REFUSALS),
        Target(name="stream-of-replies", read=replies, seeds=[*down, down[0] + down[1]], refusals=_STREAM_REFUSALS),
        Target(
            name="request-header",
            read=header,
            seeds=[REQUEST_HEADER.to_wire(_REQUEST.carrying(_FRAMES)).SerializeToString()],
            refusals=_NOT_A_MESSAGE,
            reshape=reshaper(inference_pb2.RequestHeader),
        ),
    ]


def _local_request() -> Target[Any]:
    """What an application sends to the edge-agent on its own host."""
    request = InferRequest(request_id="1", tensors=_FRAMES)

    def read(data: bytes) -> InferRequest:
        message = local_pb2.InferRequest()
        message.ParseFromString(data)
        return infer_request_from_wire(message)

    return Target(
        name="local-request",
        read=read,
        write=lambda value: infer_request_to_wire(value).SerializeToString(),
        seeds=[infer_request_to_wire(request).SerializeToString()],
        refusals=_NOT_A_MESSAGE,
        reshape=reshaper(local_pb2.InferRequest),
    )


def _codec(name: str) -> Target[Any]:
    """Encoded tensors that claim to be what a cut asks for: four bytes of the header's length, header, payload."""
    using = codec(name)
    tensor = picture() if name.startswith("jpeg") else torch.arange(48, dtype=torch.float32).reshape(1, 3, 4, 4) / 7
    (frame,) = using.encode((tensor,))

    def read(data: bytes) -> bytes:
        size = int.from_bytes(data[:4], "big")
        offered = TensorFrame(spec=frame.spec, payload=data[4 + size :], codec=name, codec_header=data[4 : 4 + size])
        (decoded,) = decode_expected(using, (offered,), (frame.spec,))
        if tuple(decoded.shape) != tuple(frame.spec.shape):
            raise AssertionError(f"{name}: decoded {tuple(decoded.shape)}; expected {frame.spec.shape}")
        return decoded.numpy().tobytes()

    seed = len(frame.codec_header).to_bytes(4, "big") + frame.codec_header + bytes(frame.payload)
    return Target(name=f"codec-{name}", read=read, seeds=[seed], refusals=(ContractError,), rate=0.3)
