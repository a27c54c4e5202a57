"""Reads a stream more slowly whose edge sends on though it is asked to wait.

To refuse a request costs a server nearly as much as to answer a small one. An edge that heeds `retry_after_s` has no
more refused than was under way; one that does not would keep the server's cores from all others.
"""

from __future__ import annotations

import asyncio

from joulecut_proto.inference_messages import ReplyHeader, ReplyStatus

_UNDER_WAY = 16
"""Requests that may come before their time, each of which one that comes in time makes up for."""
_MOST_S = 0.1
"""What is asked for may be long, and belongs to the edge's next requests: reading goes on much sooner."""


class Pace:
    """One stream's. Used from the event loop only, in its seconds."""

    def __init__(self) -> None:
        self._until_s = 0.0
        self._early = 0

    def refused(self, refusal: ReplyHeader, waited_s: float = 0.0) -> None:
        """A request has been refused, after so long: what it waited is over of the time that was asked for."""
        if refusal.status is ReplyStatus.OVERLOADED:
            pause_s = min(refusal.retry_after_s, _MOST_S) - waited_s
            self._until_s = max(self._until_s, asyncio.get_running_loop().time() + pause_s)

    async def keep(self) -> None:
        """Wait before the next request is looked at, where too many came before their time."""
        left_s = self._until_s - asyncio.get_running_loop().time()
        if left_s <= 0.0:
            self._early = max(0, self._early - 1)
        elif self._early < _UNDER_WAY:
            self._early += 1
        else:
            await asyncio.sleep(left_s)
