"""A stream's screen: who stands in front of a service refuses requests by their headers alone."""

from __future__ import annotations

import asyncio

import numpy as np

from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus, RequestHeader
from joulecut_proto.servicers import add_inference
from joulecut_proto.streaming.streams import InferenceClientStream, InferenceServerStream
from joulecut_proto.tensor_arrays import frame_of
from tests.proto.serving import TIMEOUT_S, serving

PICTURE = frame_of("image", np.arange(300_000, dtype=np.uint8))


def _header(request_id: str) -> RequestHeader:
    return RequestHeader(
        session_id="s", request_id=request_id, epoch=1, network_digest="sha256:00", cut=0, codec="raw", variant="fp32"
    )


class Screened:
    """An InferenceService behind a screen that refuses what is called bad; answers the rest."""

    def __init__(self) -> None:
        self.admitted: list[str] = []
        self.given: list[str] = []

    async def serve(self, stream: InferenceServerStream) -> None:
        stream.screen = self.screen
        async for request in stream.requests(self):
            self.given.append(request.header.request_id)
            await stream.reply(ReplyHeader(request_id=request.header.request_id, current_epoch=1))

    def screen(self, header: RequestHeader) -> ReplyHeader | None:
        if not header.request_id.startswith("bad"):
            return None
        return ReplyHeader(
            request_id=header.request_id, current_epoch=0, status=ReplyStatus.OVERLOADED, retry_after_s=0.5
        )

    async def admit(self, header: RequestHeader) -> ReplyHeader | None:
        self.admitted.append(header.request_id)
        return None

    def give_back(self, header: RequestHeader) -> None:
        raise AssertionError(header)


def test_what_the_screen_refuses_never_reaches_the_service() -> None:
    """Neither its admission nor its memory: the edge has the reply, and the stream goes on."""
    service = Screened()

    async def talk() -> list[tuple[str, ReplyStatus, float]]:
        async with serving(lambda server: add_inference(server, service, guards=None)) as channel:
            stream = InferenceClientStream(channel, peer="gpu")
            for request_id in ("a", "bad-1", "b", "bad-2"):
                await stream.send(_header(request_id), (PICTURE,))
            await stream.finish()
            return [
                (reply.header.request_id, reply.header.status, reply.header.retry_after_s)
                async for reply in stream.replies()
            ]

    replies = asyncio.run(asyncio.wait_for(talk(), TIMEOUT_S))
    assert sorted(replies) == [
        ("a", ReplyStatus.OK, 0.0),
        ("b", ReplyStatus.OK, 0.0),
        ("bad-1", ReplyStatus.OVERLOADED, 0.5),
        ("bad-2", ReplyStatus.OVERLOADED, 0.5),
    ]
    assert service.admitted == service.given == ["a", "b"]
