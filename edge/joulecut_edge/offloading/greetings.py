"""Greets servers side by side, so that one that is silent keeps an edge from none of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Candidate, Servers

Greeting = asyncio.Task[ServerConnection]

_HEAD_START_S = 0.25
"""Wall seconds that a server has to itself before the next one is greeted too (RFC 8305)."""
_FAILED_START_S = 0.05
"""The same of one that failed when it was tried last, or said nothing in its head start: who is well need not wait."""


async def greeted(
    candidates: Sequence[Candidate],
    opened: Callable[[Candidate], Coroutine[None, None, ServerConnection]],
    servers: Servers,
) -> AsyncGenerator[tuple[Candidate, Greeting], None]:
    """Those candidates that may be tried, each with its greeting, which is over: as they end, else in the order given.

    Each has a head start before the next, as long as nobody has failed. While one of these is slow, those that may be
    tried once more, or only now, are. Leaving closes what was opened and not taken; who takes a greeting's connection
    closes it. Use it with `aclosing`.
    """
    waiting = [each for each in candidates if servers.may_try(each)]
    under_way, first = dict[Greeting, Candidate](), set[Greeting]()
    to_come = len(waiting)
    try:
        while to_come or first:
            pause_s = None
            if waiting:
                candidate = waiting.pop(0)
                greeting = asyncio.create_task(opened(candidate))
                under_way[greeting] = candidate
                if to_come:
                    to_come -= 1
                    first.add(greeting)
                if waiting:
                    pause_s = _FAILED_START_S if servers.may_be_dead(candidate) else _HEAD_START_S
            resting = [each for each in candidates if each not in waiting and each not in under_way.values()]
            if resting and not waiting:
                pause_s = servers.wait_s(resting)
            await asyncio.wait(under_way, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            for greeting in [each for each in under_way if each.done()]:
                first.discard(greeting)
                yield under_way.pop(greeting), greeting
            waiting += [each for each in resting if servers.may_try(each)]
    finally:
        for greeting in under_way:
            greeting.cancel()
        for opening in await asyncio.gather(*under_way, return_exceptions=True):
            if not isinstance(opening, BaseException):
                await opening.close()
