"""Cuts off edges that begin a request and do not finish it, or do not take the reply they asked for, in good time.

A transfer has to get on, and to keep the pace at which it would be through in `transfer_s`: who sends a byte now and
then holds memory as long as who sends nothing.

What they hold (a buffer half full, results that nobody reads, a clock) is then free for others. An edge that is
silent between requests holds nothing, and stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from joulecut_proto.inference_messages import ReplyHeader, RequestHeader
from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.streaming.streams import InferenceServerStream

_LOOKS = 4
"""Looks at all streams in the time that one of them may stand still."""


@dataclass(slots=True)
class _Way:
    """What goes one way on a stream: what is under way, for how long it was seen, for how long standing still.

    In seconds, as looks come at another pace once the limits have changed.
    """

    item: RequestHeader | ReplyHeader | None = None
    parts: int = 0
    seen_s: float = 0.0
    still_s: float = 0.0

    def look(self, item: RequestHeader | ReplyHeader | None, parts: int, passed_s: float) -> None:
        stands = item is not None and parts == self.parts
        self.still_s = self.still_s + passed_s if stands else 0.0
        self.seen_s = self.seen_s + passed_s if item is not None and item is self.item else 0.0
        self.item, self.parts = item, parts


@dataclass(slots=True)
class _Watched:
    cut_off: Callable[[StreamRefusedError], None]
    coming: _Way = field(default_factory=_Way)
    going: _Way = field(default_factory=_Way)


class SlowPeers:
    """Looks at all streams from time to time; one timer for all, and none where there are none."""

    def __init__(self, stall_s: float, transfer_s: float) -> None:
        """`stall_s`: wall seconds in which a transfer that is under way must get on; `transfer_s`: for all of it.

        A transfer may lie `stall_s` behind its pace.
        """
        self.cut_off = 0
        """Streams cut off since the start."""
        self.stall_s = stall_s
        self.transfer_s = transfer_s
        self._watched: dict[InferenceServerStream, _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._passed_s = 0.0

    def change(self, stall_s: float, transfer_s: float) -> None:
        """Have other patience from now on; what has passed of a transfer under way counts as it was."""
        self.stall_s, self.transfer_s = stall_s, transfer_s
        # Only an earlier look: who changes limits all the time must not put looks off for ever.
        if self._timer is not None and asyncio.get_running_loop().time() + self._look_s < self._timer.when():
            self._timer.cancel()
            self._set_timer()

    def watch(self, stream: InferenceServerStream, cut_off: Callable[[StreamRefusedError], None]) -> None:
        """Call `cut_off` with the reason, once, where a transfer of this stream stands still."""
        self._watched[stream] = _Watched(cut_off)
        if self._timer is None:
            self._set_timer()

    def forget(self, stream: InferenceServerStream) -> None:
        """Watch it no more."""
        self._watched.pop(stream, None)
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self) -> None:
        """Count one more look at each stream."""
        for stream, watched in tuple(self._watched.items()):
            reason = self._reason(stream, watched)
            if reason is not None:
                self.cut_off += 1
                del self._watched[stream]
                watched.cut_off(StreamRefusedError(f"cut off: {reason}; open another stream"))

    def _reason(self, stream: InferenceServerStream, watched: _Watched) -> str | None:
        watched.coming.look(stream.incoming, stream.taken_parts, self._passed_s)
        watched.going.look(stream.outgoing, stream.written_parts, self._passed_s)
        if self._stands_still(watched.coming):
            return f"nothing more came of a request that had begun for {self.stall_s:g} s"
        if self._stands_still(watched.going):
            return f"nothing was read of a reply that had begun for {self.stall_s:g} s"
        incoming_bytes = 0 if stream.incoming is None else stream.incoming.total_bytes
        if self._is_behind(watched.coming, stream.taken_bytes, incoming_bytes):
            return f"a request came at a rate at which it would take longer than {self.transfer_s:g} s"
        if self._is_behind(watched.going, stream.written_bytes, stream.outgoing_bytes):
            return f"a reply was read at a rate at which it would take longer than {self.transfer_s:g} s"
        return None

    def _stands_still(self, way: _Way) -> bool:
        # Half a look for how sums of seconds are rounded.
        return way.still_s > self.stall_s - self._look_s / 2

    def _is_behind(self, way: _Way, moved_bytes: int, all_bytes: int) -> bool:
        spent_s = max(way.seen_s - self.stall_s, 0.0)
        return moved_bytes * self.transfer_s < all_bytes * spent_s

    @property
    def _look_s(self) -> float:
        return self.stall_s / _LOOKS

    def _set_timer(self) -> None:
        self._passed_s = self._look_s
        self._timer = asyncio.get_running_loop().call_later(self._look_s, self._look_and_go_on)

    def _look_and_go_on(self) -> None:
        self.look()
        self._timer = None
        if self._watched:
            self._set_timer()
