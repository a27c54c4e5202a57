"""Cuts off edges that begin a request and do not finish it, or do not take the reply they asked for.

What they hold (a buffer half full, results that nobody reads, a clock) is then free for others. An edge that is
silent between requests holds nothing, and stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from joulecut_proto.inference_refusals import StreamRefusedError
from joulecut_proto.streaming.streams import InferenceServerStream

_LOOKS = 4
"""Looks at all streams in the time that one of them may stand still."""


@dataclass(slots=True)
class _Watched:
    cut_off: Callable[[StreamRefusedError], None]
    taken_parts: int = 0
    taken_looks: int = 0
    written_parts: int = 0
    written_looks: int = 0


class SlowPeers:
    """Looks at all streams from time to time; one timer for all, and none where there are none."""

    def __init__(self, stall_s: float) -> None:
        """`stall_s`: wall seconds in which a transfer that is under way must get on."""
        self.cut_off = 0
        """Streams cut off since the start."""
        self._stall_s = stall_s
        self._watched: dict[InferenceServerStream, _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None

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
                watched.cut_off(StreamRefusedError(f"cut off: {reason} for {self._stall_s:g} s; open another stream"))

    def _reason(self, stream: InferenceServerStream, watched: _Watched) -> str | None:
        stands = stream.incoming is not None and stream.taken_parts == watched.taken_parts
        watched.taken_looks = watched.taken_looks + 1 if stands else 0
        watched.taken_parts = stream.taken_parts
        stands = stream.outgoing is not None and stream.written_parts == watched.written_parts
        watched.written_looks = watched.written_looks + 1 if stands else 0
        watched.written_parts = stream.written_parts
        if watched.taken_looks >= _LOOKS:
            return "nothing more came of a request that had begun"
        if watched.written_looks >= _LOOKS:
            return "nothing was read of a reply that had begun"
        return None

    def _set_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._stall_s / _LOOKS, self._look_and_go_on)

    def _look_and_go_on(self) -> None:
        self.look()
        self._timer = None
        if self._watched:
            self._set_timer()
