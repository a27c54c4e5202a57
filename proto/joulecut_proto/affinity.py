"""All calls of one connection reach one server, also through a proxy that spreads calls over several.

    first call ──▶ proxy ──▶ any server        its answer's metadata names the server:  joulecut-affinity
    every other call, with that name ──▶ proxy ──▶ that server, or nobody

What the name is made of is the proxy's business. Without a proxy there is none, and nothing is added to calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import grpc
import grpc.aio

from joulecut_core.errors import LinkError

AFFINITY_KEY = "joulecut-affinity"

Metadata = tuple[tuple[str, str], ...]

_LONGEST = 1024


class AffineChannel:
    """Makes the calls of one channel; stubs take it for the channel itself. Used from the event loop only.

    A call raises LinkError where the channel was closed before.
    """

    def __init__(self, channel: grpc.aio.Channel, *, affinity: str = "") -> None:
        """`affinity`: the server to begin with, as another connection learned it; empty for any."""
        self._channel = channel
        self._first: Any = None
        self._learns = not affinity
        self.affinity = affinity

    @property
    def as_channel(self) -> grpc.aio.Channel:
        """This, by the type that clients ask for; closing it closes the channel."""
        return cast("grpc.aio.Channel", self)

    async def learn(self) -> None:
        """Take the server's name from the answer to the first call of one answer, which must have come by now."""
        first, self._first, self._learns = self._first, None, False
        if first is not None:
            self.affinity = named_server(await first.initial_metadata() or ())

    def metadata(self, own: Iterable[tuple[str, str]] | None = None) -> Metadata:
        """What a call carries beside its `own`."""
        return (*(own or ()), *(((AFFINITY_KEY, self.affinity),) if self.affinity else ()))

    def unary_unary(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """As `grpc.aio.Channel.unary_unary`."""
        begin = self._named(self._channel.unary_unary(*args, **options))

        def call(*request: Any, **more: Any) -> Any:
            made = begin(*request, **more)
            # No later one: a call keeps its request and its reply.
            if self._learns:
                self._first = made
            return made

        return call

    def unary_stream(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """As `grpc.aio.Channel.unary_stream`."""
        return self._named(self._channel.unary_stream(*args, **options))

    def stream_stream(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """As `grpc.aio.Channel.stream_stream`."""
        return self._named(self._channel.stream_stream(*args, **options))

    async def close(self) -> None:
        """Close the channel."""
        # A call keeps its connection's socket, even of a channel that was closed.
        self._first = None
        await self._channel.close()

    def _named(self, begin: Any) -> Callable[..., Any]:
        def call(*request: Any, metadata: Iterable[tuple[str, str]] | None = None, **more: Any) -> Any:
            try:
                return begin(*request, metadata=self.metadata(metadata) or None, **more)
            except grpc.aio.UsageError as error:
                raise LinkError("the connection was closed before this was asked; ask again") from error

        return call


def named_server(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The server that an answer's metadata names; empty where it names none, or nothing that a call could carry."""
    found = [value for key, value in metadata if key == AFFINITY_KEY]
    if len(found) != 1 or not isinstance(found[0], str) or len(found[0]) > _LONGEST or not found[0].isprintable():
        return ""
    return found[0] if found[0].isascii() else ""
