"""Requests on their way in: taken from callers who may send any, a bounded number of each at a time.

gRPC's own handlers of single requests take each in whole before anybody is asked, and wait for the rest of half a one
for as long as its connection lasts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable

from joulecut_proto.answering import Context
from joulecut_proto.call_refusals import CallRefusedError

_MOST_EACH = 64
_WITHIN_S = 120.0
"""Wall seconds: a probe of 8 MiB over the slowest link that is worth it takes 80."""


class Arriving:
    """Takes in the request of each call. Used from the event loop only."""

    def __init__(
        self,
        who: Callable[[Context], Hashable | None],
        callers: Counter[Hashable] | None = None,
        *,
        within_s: float = _WITHIN_S,
    ) -> None:
        """`who`: what tells callers apart, None for those that cannot be; raises AccessError for who may not call.

        `callers`: how many requests of each are on their way, where several services of a server count together.
        `within_s`: wall seconds for a whole request.
        """
        self._who = who
        self._callers: Counter[Hashable] = Counter() if callers is None else callers
        self._within_s = within_s

    async def request(self, messages: AsyncIterator[bytes], context: Context) -> bytes | None:
        """The bytes of a call's one request; None where none comes, as of a caller that leaves.

        Raises AccessError and CallRefusedError before anything of it is taken in, CallRefusedError too where it does
        not come in time.
        """
        who = self._who(context)
        if who is None:
            return await self._first(messages)
        if self._callers[who] >= _MOST_EACH:
            raise CallRefusedError(
                f"{self._callers[who]} requests of one caller are on their way, the most there may be; send them whole"
            )
        self._callers[who] += 1
        try:
            return await self._first(messages)
        finally:
            self._callers[who] -= 1
            if not self._callers[who]:
                del self._callers[who]

    async def _first(self, messages: AsyncIterator[bytes]) -> bytes | None:
        late, task = asyncio.Event(), asyncio.current_task()

        def give_up() -> None:
            late.set()
            if task is not None:
                task.cancel()

        # wait_for would make a task of its own for each request.
        timer = asyncio.get_running_loop().call_later(self._within_s, give_up)
        try:
            return await anext(messages, None)
        except asyncio.CancelledError as error:
            if not late.is_set():
                raise
            raise CallRefusedError(f"the request did not come whole within {self._within_s:g} s; try again") from error
        finally:
            timer.cancel()
            if isinstance(messages, AsyncGenerator):
                await messages.aclose()
