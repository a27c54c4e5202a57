"""How many calls of a kind are under way: of each caller, and of all.

A reply takes memory until its last byte has left, long after the service has answered where its caller does not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any, cast

from joulecut_proto.answering import Context
from joulecut_proto.call_refusals import CallRefusedError


class CallRoom:
    """Counts calls until gRPC is done with them. Used from the event loop only."""

    def __init__(self, kind: str, *, each: int, total: int) -> None:
        """`kind` names the calls in refusals; `each`: of one caller, `total`: of all."""
        self._kind = kind
        self.each = each
        self.total = total
        self._callers: Counter[Hashable] = Counter()
        self._calls: set[Context] = set()

    @property
    def under_way(self) -> int:
        """Calls that gRPC is not done with, but for those set aside."""
        return len(self._calls)

    def enter(self, context: Context, who: Hashable | None) -> None:
        """Count this call until its reply is on its way to the end, or it was given up.

        `who`: None for callers that cannot be told apart. Raises CallRefusedError where there is no room.
        """
        if who is not None and self._callers[who] >= self.each:
            raise CallRefusedError(
                f"{self._callers[who]} {self._kind} of one caller are under way, the most there may be; "
                "wait for their replies, and read them"
            )
        if self.under_way >= self.total:
            raise CallRefusedError(f"{self.under_way} {self._kind} are under way, the most there may be; try again")
        self._calls.add(context)
        if who is not None:
            self._callers[who] += 1
        # Its type hint asks for a class that gRPC does not have.
        cast(Any, context).add_done_callback(lambda call: self._leave(call, who))

    def set_aside(self, context: Context) -> None:
        """Take this call's place from it, for it waits for a caller that does not read: others need it.

        It still counts among its caller's own, which bounds the memory that what is unread takes.
        """
        self._calls.discard(context)

    def _leave(self, context: Context, who: Hashable | None) -> None:
        self._calls.discard(context)
        if who is None:
            return
        self._callers[who] -= 1
        if not self._callers[who]:
            del self._callers[who]


def connection_of(context: Context) -> str | None:
    """What tells a connection from others; None for those of a Unix socket, which have no names."""
    peer = context.peer()
    return None if peer.startswith("unix") else peer
