"""Many edges on one server-agent: short versions of `benchmarks/sessions.py`, on a forked agent.

Asserted are counts and bytes, not seconds: on a busy host everybody waits longer, but nobody's share grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.session_site import Edge, Server
from benchmarks.sessions import holding, pressed

from joulecut_proto.inference_messages import ReplyStatus
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.site import Launch, chaos_site
from tests.server.parts import PICTURE, REQUEST
from tests.thoroughness import THOROUGH

PATIENCE_S = 120.0
FAST_S, SLOW_S = 2.5e-4, 2e-3
"""Of an operator. The slow one: some 25 ms a request, in which whoever is answered has asked again."""
IDLE, BUSY = 2000 if THOROUGH else 150, 64
MOST_EACH_BYTES = 250_000
"""Of an idle session: 60 kB of 2,000, and twice that of few, as what is made for the first of them counts."""
MORE_THREADS = 8
"""gRPC starts and ends some of its own as it likes."""
OTHERS = 8
MOST_TURNS = 2.0
"""Of the one's, for each of another's. 2.8 would add a fifth to the others' time in the line: (8 + 2.8) / 9."""


def beside_a_server(
    shared: Path,
    nursery: AgentNursery,
    folder: Path,
    use: Callable[[Server, Callable[[str], Edge]], Awaitable[None]],
    *,
    launch_s: float,
) -> None:
    """`use` gets a running server-agent and what makes its edges."""

    async def run() -> None:
        async with chaos_site(folder, shared, nursery, launch=Launch(server_s=launch_s)) as site:
            agent = site.server()
            server = Server(address=await agent.start(), pid=agent.pid)
            await use(server, lambda name: Edge(server, REQUEST, name, PICTURE))

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))


def test_idle_sessions_are_held_beside_busy_ones(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """Nobody is refused; an idle session costs one descriptor, no thread, little memory and processor time."""

    async def use(server: Server, edge: Callable[[str], Edge]) -> None:
        busy, idle = ([edge(f"{kind}-{n}") for n in range(count)] for kind, count in (("busy", BUSY), ("idle", IDLE)))
        alone, beside = await holding(server, busy, idle, seconds=0.7, warm_s=0.5)
        assert (alone.refused, beside.refused) == (0, 0)
        assert len(beside.replies) >= BUSY
        assert beside.descriptors == alone.descriptors + IDLE
        assert beside.threads <= alone.threads + MORE_THREADS
        assert beside.resident_bytes <= alone.resident_bytes + MOST_EACH_BYTES * IDLE
        # Beyond, 2,000 would take all of a core.
        assert beside.idle_cpu <= alone.idle_cpu + IDLE / 2000

    beside_a_server(shared, nursery, tmp_path, use, launch_s=FAST_S)


def test_who_asks_for_more_is_not_answered_more(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """Of nine edges one has 3 or 16 requests in flight: it takes its turn, and none of them is refused."""

    async def use(server: Server, edge: Callable[[str], Edge]) -> None:
        del server
        edges = [edge(f"edge-{number}") for number in range(OTHERS + 1)]
        for in_flight, told in (await pressed(edges, in_flight=(3, 16), rounds=1, seconds=1.5)).items():
            assert told.turns(OTHERS) <= MOST_TURNS, f"{in_flight} in flight"
            assert {reply.status for reply in told.replies} == {ReplyStatus.OK}

    beside_a_server(shared, nursery, tmp_path, use, launch_s=SLOW_S)
