"""A server killed at a random moment of a request, again and again: is the request in time, how soon is it back?"""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import dataclass

from joulecut_core.ledgers import FallbackReason
from tests.chaos.faults import Node
from tests.chaos.history import Answer
from tests.chaos.site import Agent, ChaosSite
from tests.chaos.storm import Load, fleet

_SPACING_S = 0.03
_BACK_S = 30.0
_OFFLOADING_S = 5.0
_STARTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill. `under_way`: requests that were at the server or on their way; seconds of each that was sent."""

    under_way: int
    latencies_s: tuple[float, ...]
    back_s: float
    """From the moment at which the server served again until a request was served by it."""


async def server_kills(site: ChaosSite, load: Load, *, kills: int, seed: int) -> list[Kill]:
    """Kill the server of one edge so many times, with up to three requests on their way."""
    draw = random.Random(seed)  # noqa: S311 - moments, not secrets
    for _ in range(_STARTS):
        async with fleet(site, load, seed=seed) as made:
            (node,) = made.nodes
            # On a link that a busy host let look slow the plan stays at home, and no kill takes anything from it.
            if math.isfinite(await _back_s(site, node, most_s=_OFFLOADING_S)):
                return [await _kill_once(site, made.server, node, draw) for _ in range(kills)]
    raise RuntimeError(f"in {_STARTS} starts no plan sent anything to the server; run this on a quieter host")


async def _kill_once(site: ChaosSite, server: Agent, node: Node, draw: random.Random) -> Kill:
    begin = len(site.history.operations)
    for _ in range(draw.randint(1, 3)):
        node.app.send()
    await asyncio.sleep(draw.uniform(0.0, _SPACING_S))
    server.kill()
    await node.app.settle()
    operations = site.history.operations[begin:]
    answers: list[Answer] = [site.history.answers[one.number][0] for one in operations]
    await server.start()
    return Kill(
        under_way=sum(
            answer.ledger.fallback_reason in (FallbackReason.LOST, FallbackReason.LATE) for answer in answers
        ),
        latencies_s=tuple(answer.at_s - one.sent_s for one, answer in zip(operations, answers, strict=True)),
        back_s=await _back_s(site, node, most_s=_BACK_S),
    )


async def _back_s(site: ChaosSite, node: Node, *, most_s: float) -> float:
    """Seconds until a server answers a request; infinite where none has after so long."""
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    while loop.time() < begin_s + most_s:
        number = len(site.history.operations)
        asked_s = loop.time()
        await node.app.ask()
        answers = site.history.answers.get(number, [])
        if answers and answers[0].ledger.served_by != "edge":
            return asked_s - begin_s
        await asyncio.sleep(_SPACING_S)
    return float("inf")
