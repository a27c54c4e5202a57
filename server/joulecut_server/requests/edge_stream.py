"""One edge's stream: each request gets its place by its header, is read, and answered while others are read.

    header ─▶ refused? no room? ─▶ payload ─▶ answered in a task of its own
              reply at once,
              payload skipped

One task reads. The stream ends when the edge ends it, when this server drains (what is under way is answered first), or
when it is cut off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from joulecut_core.errors import JoulecutError, LinkError
from joulecut_proto.inference_messages import ReplyHeader, Request, RequestHeader
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server.requests.recent import Answered
from joulecut_server.requests.spans import RequestSpans
from joulecut_server.requests.stream_room import Place, StreamRoom

_LOG = logging.getLogger(__name__)

Answer = Callable[[Request, Place], Awaitable[Answered | None]]
Admit = Callable[[RequestHeader, StreamRoom], Awaitable[Place | ReplyHeader]]


class EdgeStream:
    """Serves one stream; an Admission of its requests."""

    def __init__(
        self, stream: InferenceServerStream, room: StreamRoom, admit: Admit, answer: Answer, spans: RequestSpans
    ) -> None:
        """`admit` gives a place or the refusal; `answer` what is replied, None for nothing."""
        self._spans = spans
        self._stream = stream
        self._room = room
        self._admit = admit
        self._answer = answer
        self._arriving: Place | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._draining: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cut_off: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Serve it until its end. Raises what it was cut off with."""
        reading = asyncio.create_task(self._read())
        try:
            await self._any_of(reading, self._draining)
            if reading.done():
                reading.result()
            reading.cancel()
            await self._any_of(asyncio.gather(*self._answering, return_exceptions=True))
        finally:
            _cancel(reading, *self._answering, self._draining, self._cut_off)
            # An error of the reader goes through this frame, which would hold it, and the message that it is about.
            del reading

    def drain(self) -> None:
        """Read no more; the stream ends once what has been read is answered."""
        if not self._draining.done():
            self._draining.set_result(None)

    def cut_off(self, reason: JoulecutError) -> None:
        """End it at once. Replies that are not sent yet are dropped."""
        self._stream.abandon()
        if not self._cut_off.done():
            self._cut_off.set_exception(reason)

    async def _any_of(self, *waited: asyncio.Future[Any]) -> None:
        """Return once one of them is done; raises what the stream was cut off with, if that comes first."""
        await asyncio.wait({*waited, self._cut_off}, return_when=asyncio.FIRST_COMPLETED)
        if self._cut_off.done():
            self._cut_off.result()

    async def admit(self, header: RequestHeader) -> ReplyHeader | None:
        """A place for a request, or its refusal."""
        found = await self._admit(header, self._room)
        if isinstance(found, ReplyHeader):
            return found
        self._arriving = found
        return None

    def give_back(self, header: RequestHeader) -> None:
        """The place of a request that has not arrived whole is free again."""
        del header
        if self._arriving is not None:
            self._arriving.let_go()
            self._arriving = None

    async def _read(self) -> None:
        async for request in self._stream.requests(self):
            place = self._arrived()
            task = asyncio.create_task(self._reply(request, place))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            # Not by the task: one that is cancelled before its first step runs no line of its own.
            task.add_done_callback(partial(_let_go, place))
            # The next header may take long, and this request's tensors are needed by its task alone.
            del request, place, task

    def _arrived(self) -> Place:
        place, self._arriving = self._arriving, None
        if place is None:
            raise RuntimeError("a request was given out that was not admitted")
        return place

    async def _reply(self, request: Request, place: Place) -> None:
        loop = asyncio.get_running_loop()
        came_s = loop.time()
        try:
            with self._spans.request(request.header, place.admitted_s) as span:
                answered = await self._answer(request, place)
                if answered is not None:
                    span.answered(answered[0])
                    self._stream.pace.refused(answered[0], loop.time() - came_s)
                    await self._stream.reply(*answered)
                    span.sent()
        except LinkError as error:
            _LOG.info("%s", error)


def _let_go(place: Place, answering: asyncio.Task[None]) -> None:
    del answering
    place.let_go()


def _cancel(*futures: asyncio.Future[None]) -> None:
    for future in futures:
        future.cancel()
