"""Several edges under a steady load, while one fault after the other befalls them, drawn from a seed.

calm traffic ── fault ── mended ── calm ── fault ── ... ── settled ── calm traffic
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tests.chaos.fault_proxy import fault_proxy
from tests.chaos.faults import Fault, Fleet, Node
from tests.chaos.site import Agent, ChaosSite, tls_table
from tests.fakes.certificates import TestAuthority

_START_S = 180.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A fault, and from when to when it lasted."""

    fault: Fault
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the edges are asked: `period_s` of each, and their SLO; `tls`: over mutual TLS, else in plain text."""

    edges: int = 4
    period_s: float = 1 / 30
    deadline_s: float = 0.3
    wires: str = "2-raw"
    tls: bool = False


@dataclass(slots=True)
class Storm:
    """Draws faults until `stopping`; every kind comes up before one comes up again."""

    fleet: Fleet
    pause_s: tuple[float, float]
    lasts_s: tuple[float, float] = (0.2, 1.5)
    kinds: Sequence[Fault] = tuple(Fault)
    spells: list[Spell] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    rounds: int | None = None
    """How often each kind comes, where that is what ends it."""

    async def rage(self) -> None:
        """One fault after the other; returns with the last one mended."""
        draw, loop = self.fleet.random, asyncio.get_running_loop()
        bag: list[Fault] = []
        while not await self._stopped_within(draw.uniform(*self.pause_s)):
            if not bag:
                if self.rounds is not None and len(self.spells) >= self.rounds * len(self.kinds):
                    return
                bag = draw.sample(list(self.kinds), len(self.kinds))
            fault = bag.pop()
            begin_s = loop.time()
            async with self.fleet.befallen(fault):
                await asyncio.sleep(draw.uniform(*self.lasts_s))
            self.spells.append(Spell(fault=fault, begin_s=begin_s, end_s=loop.time()))

    @property
    def counts(self) -> Counter[Fault]:
        """How often each fault came."""
        return Counter(spell.fault for spell in self.spells)

    async def _stopped_within(self, pause_s: float) -> bool:
        try:
            await asyncio.wait_for(self.stopping.wait(), pause_s)
        except asyncio.TimeoutError:
            return False
        return True


@asynccontextmanager
async def fleet(site: ChaosSite, load: Load, *, seed: int) -> AsyncIterator[Fleet]:
    """A server and its edges, all offloading, each over a proxy of its own."""
    authority = TestAuthority(site.folder / "certificates") if load.tls else None
    server = site.server(extra=_certificates(authority, "server", "gpu"))
    port = int((await server.start()).rpartition(":")[2])
    async with AsyncExitStack() as stack:
        stack.callback(_end, server)
        nodes = []
        for index in range(load.edges):
            proxy = await stack.enter_async_context(fault_proxy(port, seed=seed + index))
            name = f"edge{index}"
            edge = site.edge(
                f"127.0.0.1:{proxy.port}",
                name=name,
                deadline_s=load.deadline_s,
                wires=load.wires,
                extra=_certificates(authority, "edge", name),
            )
            await edge.start()
            stack.callback(_end, edge)
            inner = AsyncExitStack()
            app = await inner.enter_async_context(site.application(edge, look_s=_LOOK_S))
            node = Node(edge=edge, proxy=proxy, app=app, stack=inner)
            node.alive.set()
            stack.push_async_callback(_leave, node)
            nodes.append(node)
            await app.offloading(_START_S)
        draw = random.Random(seed)  # noqa: S311 - faults, not secrets
        yield Fleet(site=site, server=server, nodes=nodes, random=draw, look_s=_LOOK_S)


def _certificates(authority: TestAuthority | None, role: str, name: str) -> str:
    return "" if authority is None else tls_table(authority.issue(role, name))


async def drive(fleet: Fleet, load: Load, requests: int) -> None:
    """Send so many requests, spread over the edges, each as steadily as its edge's life allows."""
    share = [requests // len(fleet.nodes) + (k < requests % len(fleet.nodes)) for k in range(len(fleet.nodes))]
    await asyncio.gather(
        *(
            _drive_one(node, load, count, random.Random(fleet.random.random()))  # noqa: S311 - gaps, not secrets
            for node, count in zip(fleet.nodes, share, strict=True)
        )
    )
    for node in fleet.nodes:
        await node.app.settle()


async def _drive_one(node: Node, load: Load, requests: int, draw: random.Random) -> None:
    loop = asyncio.get_running_loop()
    next_s = loop.time()
    for _ in range(requests):
        await asyncio.sleep(next_s - loop.time())
        await node.alive.wait()
        node.app.send()
        # Of two edges in step, one would always find the server busy.
        next_s = max(next_s + load.period_s * draw.uniform(0.5, 1.5), loop.time())


def _end(agent: Agent) -> None:
    """Another fleet of the same site finds its addresses free."""
    if agent.is_running:
        agent.kill()


async def _leave(node: Node) -> None:
    await node.stack.aclose()
