"""One server, one edge, a fault proxy between them and an application: how every scenario starts, and how it ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from joulecut_core.ledgers import RequestLedger
from joulecut_proto.agent_messages import AgentState
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.fault_proxy import CALM, LOOPBACK, FaultProxy, fault_proxy
from tests.chaos.history import Operation
from tests.chaos.history_checks import violations
from tests.chaos.site import Agent, ChaosSite, chaos_site, expected_answers
from tests.chaos.traffic import Application
from tests.integration.tiny_network import tiny_network

DEADLINE_S = 0.5
"""The requests' SLO; the edge alone needs a twentieth of it."""
SURELY_LATE_S = 20 * DEADLINE_S
"""No scenario's answer takes longer, on a busy machine either; how often deadlines are kept is a benchmark's matter."""
PERIOD_S = 0.03
BACK_S = 60.0
"""Within which an edge offloads again, on a busy machine too; how soon it does is a benchmark's matter."""
SETTLE_S = 60.0
_PATIENCE_S = 240.0

T = TypeVar("T")


def last_cut() -> int:
    """The edge computes the whole network."""
    return tiny_network().table.last


@dataclass(slots=True, kw_only=True)
class Pair:
    """What a scenario works with."""

    site: ChaosSite
    server: Agent
    edge: Agent
    proxy: FaultProxy
    app: Application
    stack: AsyncExitStack
    """Of what lasts until the end of the scenario."""
    excused: set[int] = field(default_factory=set)
    """Numbers of operations that an edge took into its grave."""

    def ledgers(self, begin: int = 0) -> list[RequestLedger]:
        """Those of the requests sent from the `begin`th on, as far as they are answered."""
        history = self.site.history
        return [
            answer.ledger
            for operation in history.operations[begin:]
            for answer in history.answers.get(operation.number, ())
        ]

    @property
    def sent(self) -> int:
        """Requests so far."""
        return len(self.site.history.operations)

    def reasons(self, begin: int = 0) -> Mapping[str, int]:
        """How often each reason to fall back was given."""
        return Counter(one.fallback_reason.value for one in self.ledgers(begin) if one.fallback_reason is not None)

    async def stream(self, requests: int, *, period_s: float = PERIOD_S) -> list[RequestLedger]:
        """Send so many requests and wait for all answers; their ledgers."""
        begin = self.sent
        await self.app.stream(requests, period_s=period_s)
        await self.app.settle()
        return self.ledgers(begin)

    async def restart_edge(self) -> None:
        """Start the edge again, with an application of its new life, and wait until it offloads."""
        await self.edge.start()
        self.app = await self.stack.enter_async_context(self.site.application(self.edge))
        await self.app.offloading(SETTLE_S)

    async def splits_again(self, patience_s: float = BACK_S) -> float:
        """Send one request at a time until one is split; the seconds until then."""
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        while True:
            asked_s = loop.time()
            if (await self.stream(1))[0].served_by == "split":
                return asked_s - begin_s
            assert loop.time() - begin_s < patience_s, f"no request was split within {patience_s} s"
            await asyncio.sleep(PERIOD_S)

    async def server_state(self) -> AgentState:
        """The server's device, asked past the proxy."""
        port = self.server.arguments[self.server.arguments.index("--listen") + 1]
        async with open_channel(port, security=None) as channel:
            return await AgentClient(channel, peer="server").state(timeout_s=BACK_S)


Scene = Callable[[Pair], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a scenario may choose; see `ChaosSite`."""

    seed: int = 0
    wires: str = "2-raw"
    host: str = LOOPBACK
    edge_keys: str = ""
    edge_tables: str = ""
    server_extra: str = ""
    servers: AgentNursery | None = None
    """Of the server, where it is another than the edge's."""


@asynccontextmanager
async def offloading_pair(shared: Path, nursery: AgentNursery, folder: Path, setting: Setting) -> AsyncIterator[Pair]:
    """A pair whose edge offloads."""
    async with chaos_site(folder, shared, nursery) as site, AsyncExitStack() as stack:
        server = site.server(host=setting.host, extra=setting.server_extra, nursery=setting.servers)
        address = await server.start()
        port = int(address.rpartition(":")[2])
        proxy = await stack.enter_async_context(fault_proxy(port, host=setting.host, seed=setting.seed))
        # A proxy on this host would hide a link of the kernel.
        where = f"127.0.0.1:{proxy.port}" if setting.host == LOOPBACK else address
        edge = site.edge(
            where, deadline_s=DEADLINE_S, wires=setting.wires, keys=setting.edge_keys, extra=setting.edge_tables
        )
        await edge.start()
        app = await stack.enter_async_context(site.application(edge))
        await app.offloading(SETTLE_S)
        yield Pair(site=site, server=server, edge=edge, proxy=proxy, app=app, stack=stack)


async def played(pair: Pair, scene: Scene) -> None:
    """Play a scene, wait for all answers, and hold the whole history against the promises."""
    await scene(pair)
    await pair.app.settle()
    counters = (await pair.app.status()).counters
    check(pair)
    history = pair.site.history
    answered = sum(
        operation.life == pair.edge.lives and operation.number in history.answers for operation in history.operations
    )
    assert counters.requests == counters.split + counters.local == answered, "each is counted once"


def with_pair(shared: Path, nursery: AgentNursery, folder: Path, scene: Scene, setting: Setting) -> None:
    """Play one scene on a pair of its own."""

    async def run() -> None:
        async with offloading_pair(shared, nursery, folder, setting) as pair:
            await played(pair, scene)

    asyncio.run(asyncio.wait_for(run(), _PATIENCE_S))


def play_alone(
    shared: Path, nursery: AgentNursery, folder: Path, scene: Callable[[ChaosSite], Awaitable[None]]
) -> None:
    """Play a scene on a site without agents."""

    async def run() -> None:
        async with chaos_site(folder, shared, nursery) as site:
            await scene(site)

    asyncio.run(asyncio.wait_for(run(), _PATIENCE_S))


class Stage:
    """A pair on which the scenes of a module are played one after the other, as starting one takes longest."""

    def __init__(self, shared: Path, nursery: AgentNursery, folder: Path, setting: Setting) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._pair = self._run(self._stack.enter_async_context(offloading_pair(shared, nursery, folder, setting)))

    def play(self, scene: Scene) -> None:
        """Play a scene, beginning in calm weather with an edge that offloads."""

        async def run() -> None:
            pair = self._pair
            pair.proxy.set_weather(CALM)
            pair.proxy.carry_new()
            await pair.app.offloading(SETTLE_S)
            await pair.splits_again(SETTLE_S)
            await played(pair, scene)

        self._run(run())

    def close(self) -> None:
        """End the pair."""
        self._run(self._stack.aclose())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _run(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(work, _PATIENCE_S))


def check(pair: Pair) -> None:
    """Nothing lost, answered twice, wrong, under a plan that was not in force, or told untruly."""
    pair.site.read_plans()

    def excused(operation: Operation) -> bool:
        return operation.number in pair.excused

    found = violations(pair.site.history, expected_answers(), last_cut=last_cut(), excused=excused)
    logs = "\n".join(f"--- {agent.name}\n{agent.text()[-4000:]}" for agent in pair.site.agents)
    assert not found, "\n".join(map(str, found[:20])) + f"\n{len(found)} in all\n{logs}"
