"""Whether answers of the server in use all come too late: since when, and when another server is worth a try."""

from __future__ import annotations

from joulecut_core.ledgers import FallbackReason
from joulecut_edge.requests.counters import Counters
from joulecut_edge.requests.session import EdgeSession

_LEAST = 3
"""Requests without an answer in time: one slow answer is no slow server."""
_MOST_LOOKS = 16
"""Between two tries, so some minutes: what is wrong is mostly the edge's own link, and trying costs a measurement."""


class Lateness:
    """Asked at every look for another server. A look in which answers came in time ends all waiting."""

    def __init__(self, session: EdgeSession) -> None:
        self._session = session
        self._since = session.counters
        self._looks, self._wait = 0, 1

    def begin(self) -> None:
        """Count anew from now on; the wait for the next try stays, as the one before helped nobody yet."""
        self._since, self._looks = self._session.counters, 0

    def is_due(self) -> bool:
        """Whether to try another server now; the next try is twice as many looks away."""
        now = self._session.counters
        if now.in_time > self._since.in_time:
            self._wait = 1
            self.begin()
            return False
        self._looks += 1
        if self._looks < self._wait or _unserved(now) - _unserved(self._since) < _LEAST:
            return False
        self._wait = min(2 * self._wait, _MOST_LOOKS)
        self.begin()
        return True


def _unserved(counters: Counters) -> int:
    """Answered too late or at home, but for those that something else than time brought home."""
    elsewise = counters.fallbacks - counters.reasons.get(FallbackReason.LATE, 0)
    return counters.requests - counters.in_time - elsewise
