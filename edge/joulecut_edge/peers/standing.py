"""What came back of the requests over one connection, and what that says of its server.

    no answer in time, several in a row, and no reply of any kind for a while -> silent, until a reply comes
    replies of no use, many in a row                                          -> to be joined anew
    asked, and never an answer of use                                         -> barren

What is done about it is the business of whoever holds the connection.
"""

from __future__ import annotations

import asyncio
import logging

_LOG = logging.getLogger(__name__)

SILENCE_S = 1.0
"""Wall seconds without a single reply, not even a late one, before unanswered requests make a silent server."""
_MOST_UNANSWERED = 3
"""Requests in a row without an answer in time. Only gRPC's keepalive would notice a link that stalls, much later."""
MOST_UNUSABLE = 10
"""Replies in a row: what failed at the server, or is refused under the plan that it gave. More than a change of plan
refuses, which is what was under way then."""


class Standing:
    """Used from the event loop only."""

    def __init__(self, peer: str, *, silence_s: float) -> None:
        """`peer`: who it is of, for the log."""
        self._peer = peer
        self._silence_s = silence_s
        self._unanswered = self._unusable = 0
        self._since_s = 0.0
        """When the first request was sent of those that are unanswered now."""
        self._asked = self._answered = False
        self.silent = asyncio.Event()
        self.heard = asyncio.Event()
        """A reply came in time."""

    @property
    def is_barren(self) -> bool:
        """Whether requests were sent and not one was answered."""
        return self._asked and not self._answered

    def asked(self) -> None:
        """A request is about to be sent."""
        self._asked = True
        if not self._unanswered:
            self._since_s = asyncio.get_running_loop().time()

    def replied(self) -> None:
        """A reply came. Even one that is too late tells that the server lives."""
        self._unanswered = 0
        self.silent.clear()

    def missed(self) -> None:
        """A request has had no answer in time."""
        self._unanswered += 1
        silent_s = asyncio.get_running_loop().time() - self._since_s
        if self._unanswered >= _MOST_UNANSWERED and silent_s >= self._silence_s:
            _LOG.warning("%s: %d requests unanswered in %.1f s", self._peer, self._unanswered, silent_s)
            self.silent.set()

    def of_use(self) -> None:
        """An answer was of use."""
        self._answered, self._unusable = True, 0

    def of_no_use(self) -> bool:
        """A reply was of no use; whether so many in a row were none that the server is to be joined anew."""
        self._unusable += 1
        return self._unusable >= MOST_UNUSABLE

    def excuse(self, replies: int) -> None:
        """So many of those were the request's own fault."""
        self._unusable = max(0, self._unusable - replies)
