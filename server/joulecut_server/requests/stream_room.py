"""Room for requests on their way through the server: counted and bounded before any memory is taken for them.

header ─▶ room in its stream? ─▶ room in its share, and in all? ─▶ a place, until its tensors are dropped
            no: wait, nothing     no: refused as overload,
            more is read          its payload skipped

A share is that of one identity, however many streams it opens: nobody takes all the room by sending slowly.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from joulecut_core.errors import ContractError
from joulecut_proto.inference_messages import ReplyStatus
from joulecut_proto.inference_refusals import TurnedAwayError
from joulecut_server.limits import Limits

_RETRY_S = 0.1
"""Requests leave within milliseconds or are many: either way to ask again at once helps nobody."""


class Room:
    """The bytes of all streams' requests. Used from the event loop only."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.taken_bytes = 0
        """Of requests that arrive, wait or compute now."""
        self.requests = 0
        """How many those are."""
        self._shares: Counter[str] = Counter()

    def check(self, size_bytes: int, share: str) -> None:
        """Raise TurnedAwayError where a request of that size finds no room in its share, or in all."""
        for of, taken_bytes, most_bytes in (
            ("of yours", self._shares[share], self.limits.share_tensor_bytes),
            ("of all edges", self.taken_bytes, self.limits.tensor_bytes),
        ):
            if taken_bytes + size_bytes > most_bytes:
                raise TurnedAwayError(
                    f"{taken_bytes} bytes of tensors {of} are on their way through this server, "
                    f"{size_bytes} more would be above its limit of {most_bytes}",
                    ReplyStatus.OVERLOADED,
                    _RETRY_S,
                )

    def take(self, size_bytes: int, share: str) -> None:
        """Count bytes in; negative ones out."""
        self.taken_bytes += size_bytes
        self._shares[share] += size_bytes
        if not self._shares[share]:
            del self._shares[share]

    def for_stream(self) -> StreamRoom:
        """The room of one more stream."""
        return StreamRoom(self)


class StreamRoom:
    """One stream's part of the room. One reader asks for places, one after the other."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._taken_bytes = 0
        self._places = 0
        self._freed: asyncio.Future[None] | None = None

    @property
    def places(self) -> int:
        """Requests of this stream that hold a place."""
        return self._places

    async def place(self, size_bytes: int, share: str) -> Place:
        """A place for a request of that size; waits until this stream has room for it.

        Raises ContractError where it never will have, TurnedAwayError where there is none in its share or in all.
        """
        while not self._has_room(size_bytes):
            self._freed = asyncio.get_running_loop().create_future()
            await self._freed
        self._room.check(size_bytes, share)
        return Place(self, size_bytes, share)

    def _has_room(self, size_bytes: int) -> bool:
        """By the limits of now: they may change while a request waits."""
        limits = self._room.limits
        if size_bytes > limits.stream_tensor_bytes:
            raise ContractError(
                f"a request of {size_bytes} bytes; this server takes at most {limits.stream_tensor_bytes} on one stream"
            )
        return self._places < limits.in_flight and self._taken_bytes + size_bytes <= limits.stream_tensor_bytes

    def _enter(self, size_bytes: int, share: str) -> None:
        self._places += 1
        self._taken_bytes += size_bytes
        self._room.requests += 1
        self._room.take(size_bytes, share)

    def _leave(self, size_bytes: int, share: str) -> None:
        self._places -= 1
        self._taken_bytes -= size_bytes
        self._room.requests -= 1
        self._room.take(-size_bytes, share)
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)


class Place:
    """What one request takes, until everybody who holds it has let go."""

    def __init__(self, room: StreamRoom, size_bytes: int, share: str) -> None:
        self._room = room
        self._size_bytes = size_bytes
        self.share = share
        """Whose it was when it was given. The request's session may end before the request has come whole."""
        self.priority = 0
        """The request's in the line, decided at the same moment."""
        self._holders = 1
        self.admitted_s = 0.0
        """When it was given, by the agents' clock."""
        room._enter(size_bytes, share)  # noqa: SLF001 - a place is how a room is entered

    def hold(self) -> Place:
        """One more holder."""
        self._holders += 1
        return self

    def let_go(self) -> None:
        """One holder less; with the last one the room is free again."""
        self._holders -= 1
        if self._holders == 0:
            self._room._leave(self._size_bytes, self.share)  # noqa: SLF001 - and left
