"""A server-agent on a thread of another program, as in a pool: it tells its load, drains, and fails in words."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

import pytest

from joulecut_core.decoding import encode
from joulecut_core.errors import LinkError
from joulecut_edge import agent as edge_agent
from joulecut_server.config import ServerConfig
from joulecut_server.pool import hosting
from joulecut_server.pool.hosting import HostedAgent
from joulecut_server.pool.replica import Replica
from joulecut_server.pool.reports import ReplicaState
from tests.integration.site import WAIT_S, Site, application, server_state
from tests.integration.tiny_network import pictures

PICTURE = pictures(1, seed=9)[0]


async def started(host: HostedAgent | Replica) -> None:
    while (host if isinstance(host, HostedAgent) else host.report()).state is ReplicaState.STARTING:
        await asyncio.sleep(0.01)


@contextmanager
def hosted(config: ServerConfig) -> Iterator[HostedAgent]:
    """An agent that has begun to serve, or has failed; stopped in the end."""
    host = HostedAgent(config)
    try:
        asyncio.run(asyncio.wait_for(started(host), 2 * WAIT_S))
        yield host
    finally:
        host.stop()


def test_a_hosted_agent_tells_its_load(site: Site) -> None:
    """What a pool grows and shrinks by: seconds of computing, edges, joules; and it answers like any server-agent."""

    async def ask(server: str) -> None:
        async with AsyncExitStack() as stack:
            edge = await stack.enter_async_context(edge_agent.serving(site.edge(server)))
            app = await stack.enter_async_context(application(edge))
            await app.offloading()
            assert (await app.infer(PICTURE))[1].ledger.served_by == "server"
            during = await asyncio.to_thread(host.load)
            assert (during.sessions, during.streams) == (1, 1)

    with hosted(site.server()) as host:
        before = host.load()
        assert (before.waiting, before.sessions, before.streams, before.is_well) == (0, 0, 0, True)
        asyncio.run(asyncio.wait_for(ask(host.address), 2 * WAIT_S))
        after = host.load()
        assert after.busy_s > before.busy_s
        assert after.time_s - before.time_s > after.busy_s - before.busy_s
        assert after.energy_j is not None
        assert before.energy_j is not None
        assert after.energy_j > before.energy_j


def test_a_stopped_agent_has_given_its_clock_back(site: Site) -> None:
    """Stopping returns when the port is free and says so afterwards; stopping again is no error."""
    with hosted(site.server()) as host:
        assert asyncio.run(server_state(host.address)).leased is None
        host.stop()
        host.stop()
        assert host.state is ReplicaState.DRAINING
        with pytest.raises(LinkError, match="it has no load to read"):
            host.load()
        with hosted(replace(site.server(), listen=host.address)) as again:
            assert again.state is ReplicaState.SERVING
            assert again.address == host.address


def test_a_replica_reports_why_it_has_failed(site: Site) -> None:
    """Its process lives, so that the pool can show the reason; what is configured crosses to it as plain data."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        config = replace(site.server(), listen=f"127.0.0.1:{taken.getsockname()[1]}")
        replica = Replica(encode(config), node="10.0.0.5", gpus=[])
        asyncio.run(asyncio.wait_for(started(replica), 2 * WAIT_S))
        replica.drain()
    report = replica.report()
    assert (report.state, report.pid, report.node, report.load) == (ReplicaState.FAILED, os.getpid(), "10.0.0.5", None)
    assert "in use" in report.complaint


def test_an_agent_that_still_starts_can_be_stopped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever drains a pool does not wait until a profile is measured: the start ends, and what it held is let go."""
    began, let_go = threading.Event(), threading.Event()

    @asynccontextmanager
    async def starting(config: ServerConfig, **gauged: object) -> AsyncIterator[str]:
        del config, gauged
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            let_go.set()
        yield "127.0.0.1:4711"

    monkeypatch.setattr(hosting, "serving", starting)
    host = HostedAgent(site.server())
    assert began.wait(WAIT_S)
    assert host.state is ReplicaState.STARTING
    stopping = threading.Thread(target=host.stop, daemon=True)
    stopping.start()
    stopping.join(WAIT_S)
    assert let_go.is_set()
    assert not stopping.is_alive()
    assert (host.state, host.address, host.complaint) == (ReplicaState.DRAINING, "", "")
