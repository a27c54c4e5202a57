"""Greets servers side by side, so that one that is silent keeps an edge from none of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Candidate

Greeting = asyncio.Task[ServerConnection]

_HEAD_START_S = 0.25
"""Wall seconds that a server has to itself before the next one is greeted too (RFC 8305)."""
_FAILED_START_S = 0.05
"""The same of one that failed when it was tried last: whoever else is well need not wait for it."""


async def greeted(
    candidates: Sequence[Candidate],
    opened: Callable[[Candidate], Coroutine[None, None, ServerConnection]],
    failures: Callable[[Candidate], int],
) -> AsyncGenerator[tuple[Candidate, Greeting], None]:
    """Each candidate with its greeting, which is over: as they end, those that end together in the order given.

    Each has a head start before the next, as long as nobody has failed. Leaving closes what was opened and not taken;
    who takes a greeting's connection closes it. Use it with `aclosing`.
    """
    waiting, under_way = list(candidates), dict[Greeting, Candidate]()
    try:
        while waiting or under_way:
            head_start_s = None
            if waiting:
                candidate = waiting.pop(0)
                under_way[asyncio.create_task(opened(candidate))] = candidate
                if waiting:
                    head_start_s = _FAILED_START_S if failures(candidate) else _HEAD_START_S
            await asyncio.wait(under_way, timeout=head_start_s, return_when=asyncio.FIRST_COMPLETED)
            for greeting in [each for each in under_way if each.done()]:
                yield under_way.pop(greeting), greeting
    finally:
        for greeting in under_way:
            greeting.cancel()
        for opening in await asyncio.gather(*under_way, return_exceptions=True):
            if not isinstance(opening, BaseException):
                await opening.close()
