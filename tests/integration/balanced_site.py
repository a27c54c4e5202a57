"""Several server-agents behind a proxy, edges in front of it with an application each, and the site's certificates."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from typer.testing import CliRunner

from joulecut.cli import app as joulecut
from joulecut_core.ledgers import RequestLedger
from joulecut_proto.security.channel_security import ChannelSecurity
from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.history_checks import violations
from tests.chaos.site import Agent, ChaosSite, chaos_site, expected_answers
from tests.chaos.traffic import Application
from tests.integration.envoy import envoy
from tests.integration.tiny_network import tiny_network

SERVERS = 3
EDGES = ("camera-1", "camera-2")
STRANGER = "guest"
"""An edge of the site that no rule of the servers names."""
HOST = "localhost"
"""What edges call the proxy."""
SETTLE_S = 90.0

_PERIOD_S = 0.04
_DEADLINE_S = 5.0
"""Longer than a busy host holds anything up: an edge that misses its answers joins another server, and plans anew."""
_SURELY_LATE_S = 20.0
_PATIENCE_S = 600.0
_SELDOM_S = 1200.0
_RENEWAL = "renew_s = {}"
_SERVER = """
[[access.edges]]
names = ["camera-*"]
{tls}proxies = ["spiffe://lab/proxy/front"]
"""
_PLANNED = ": planned epoch "
"""In a server's log; lines begin with the time."""

T = TypeVar("T")


class Certificates:
    """Those of a site, made by `joulecut pki` as the documents say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pki("init", "--site", "lab")
        names = ("--host", HOST, "--ip", "127.0.0.1")
        for number in range(SERVERS):
            self._pki("issue", "server", f"gpu-{number}", *names, "--out", str(folder / f"server-{number}"))
        self._pki("issue", "proxy", "front", *names, "--out", str(folder / "front"))
        for edge in (*EDGES, STRANGER):
            self._pki("issue", "edge", edge, "--out", str(folder / edge))

    def table(self, name: str) -> str:
        """An agent's [tls] table."""
        own = self.security(name)
        return f'[tls]\nauthority = "{own.authority}"\ncertificate = "{own.certificate}"\nkey = "{own.key}"\n'

    def security(self, name: str) -> ChannelSecurity:
        """The same for a client."""
        folder = self.folder / name
        return ChannelSecurity(
            authority=folder / "authority.pem", certificate=folder / "certificate.pem", key=folder / "key.pem"
        )

    def _pki(self, *arguments: str) -> None:
        done = CliRunner().invoke(joulecut, ["pki", *arguments, "--folder", str(self.folder / "pki")])
        assert done.exit_code == 0, f"{done.output} {done.exception!r}"


@dataclass(slots=True, kw_only=True)
class BalancedSite:
    """What a test works with. `front`: the proxy's address; `addresses`: the servers' own."""

    site: ChaosSite
    certificates: Certificates
    servers: Sequence[Agent]
    addresses: Sequence[str]
    edges: Sequence[Agent]
    front: str
    stack: AsyncExitStack
    """Of the applications."""
    apps: Sequence[Application] = ()
    renew_s: float = _SELDOM_S
    """How long an edge's connection lasts."""

    async def connect(self) -> None:
        """Give every edge an application, and wait until it offloads."""
        self.apps = [await self.stack.enter_async_context(self.site.application(edge)) for edge in self.edges]
        for app in self.apps:
            await app.offloading(SETTLE_S)
        await self.all_offload()

    async def renew_every(self, renew_s: float) -> None:
        """Start the edges again, with connections that last so long."""
        await self.stack.aclose()
        for edge in self.edges:
            assert await edge.stop() == 0
            config = edge.folder / f"{edge.name}.toml"
            text = config.read_text()
            config.write_text(text.replace(_RENEWAL.format(self.renew_s), _RENEWAL.format(renew_s)))
            await edge.start()
        self.renew_s = renew_s
        await self.connect()

    async def stream(self, requests: int) -> list[RequestLedger]:
        """Let every application send so many requests; the ledgers of all."""
        history = self.site.history
        begin = len(history.operations)
        await asyncio.gather(*(app.stream(requests, period_s=_PERIOD_S) for app in self.apps))
        await asyncio.gather(*(app.settle() for app in self.apps))
        return [answer.ledger for one in history.operations[begin:] for answer in history.answers.get(one.number, ())]

    async def all_offload(self) -> None:
        """Wait until a server answers a request of every application."""
        while "edge" in {ledger.served_by for ledger in await self.stream(1)}:
            await asyncio.sleep(_PERIOD_S)

    def user(self) -> Agent:
        """A server that is in use: the one that made the latest plan."""
        lines = [(line, server) for server in self.servers for line in server.text().splitlines() if _PLANNED in line]
        return max(lines, key=lambda each: each[0])[1]

    async def check(self) -> None:
        """Each request answered once, rightly, in time, under a plan that was in force, with a true ledger.

        Another server's first plan has the number of the first server's: a last look tells that one is in force.
        """
        await asyncio.gather(*(app.status() for app in self.apps))
        self.site.read_plans()
        found = violations(self.site.history, expected_answers(), last_cut=tiny_network().table.last)
        logs = "\n".join(f"--- {agent.name}\n{agent.text()[-3000:]}" for agent in self.site.agents)
        assert not found, "\n".join(map(str, found[:10])) + logs
        assert not self.site.history.late(_SURELY_LATE_S)


@asynccontextmanager
async def balanced_site(
    name: str, folder: Path, shared: Path, nursery: AgentNursery, certificates: Certificates
) -> AsyncIterator[BalancedSite]:
    """A site behind Envoy with the shipped configuration `name`, whose edges offload."""
    async with chaos_site(folder, shared, nursery) as site, AsyncExitStack() as stack:
        servers = [
            site.server(name=f"server-{k}", extra=_SERVER.format(tls=certificates.table(f"server-{k}")))
            for k in range(SERVERS)
        ]
        addresses = [await server.start() for server in servers]
        shutil.copytree(certificates.folder / "front", folder / "tls")
        port = stack.enter_context(envoy(name, folder, addresses, host=HOST))
        edges = [
            # Whatever the link looks like on a busy host: its plan sends every request to the server.
            site.edge(
                f"{HOST}:{port}",
                name=edge,
                policy="all-server",
                wires="0-raw",
                deadline_s=_DEADLINE_S,
                keys=_RENEWAL.format(_SELDOM_S),
                extra=certificates.table(edge),
            )
            for edge in EDGES
        ]
        for edge in edges:
            await edge.start()
        made = BalancedSite(
            site=site,
            certificates=certificates,
            servers=servers,
            addresses=addresses,
            edges=edges,
            front=f"{HOST}:{port}",
            stack=await stack.enter_async_context(AsyncExitStack()),
        )
        await made.connect()
        yield made


class BalancedStage:
    """A balanced site on which scenes are played one after the other, as starting one takes longest.

    Every scene leaves all servers running.
    """

    def __init__(
        self, name: str, folder: Path, shared: Path, nursery: AgentNursery, certificates: Certificates
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        made = balanced_site(name, folder, shared, nursery, certificates)
        self._made = self._run(self._stack.enter_async_context(made))

    def play(self, scene: Callable[[BalancedSite], Awaitable[None]], *, renew_s: float = _SELDOM_S) -> None:
        """Play a scene, beginning with edges that offload, and hold what came of it against the promises."""

        async def run() -> None:
            # Servers count their plans apart: in an earlier scene the same number was another plan.
            self._made.site.history.forget()
            if self._made.renew_s != renew_s:
                await self._made.renew_every(renew_s)
            await self._made.all_offload()
            await scene(self._made)
            await self._made.check()

        self._run(run())

    def close(self) -> None:
        """End the site."""
        self._run(self._stack.aclose())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _run(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(work, _PATIENCE_S))
