"""A connection on which nothing comes back, over an emulated link."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
import torch

from joulecut_core.timing import SystemClock
from joulecut_edge import agent as edge_agent
from joulecut_edge.offloading import offloading
from joulecut_edge.peers import server_connection
from joulecut_edge.requests import patience
from joulecut_runtime.links.emulated_link import EmulatedLink
from joulecut_runtime.links.shape import LinkShape
from joulecut_server import agent as server_agent
from tests.integration.site import WAIT_S, Application, Site, application
from tests.integration.tiny_network import pictures, tiny_network

PICTURE = pictures(1, seed=9)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]


async def answered(app: Application) -> str:
    """Ask once, check the answer; who served it."""
    answer, reply = await app.infer(PICTURE, "r")
    assert torch.equal(answer, EXPECTED)
    return reply.ledger.served_by


def test_a_link_that_stalls_for_a_moment_costs_no_plan(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Silence alone loses no server: one that answers soon after, on a fresh connection, goes on under its plan."""
    site = replace(site, max_accuracy_loss=0.0)  # answers are compared to the bit
    shape = LinkShape(bandwidth_bps=1e8, delay_s=0.001)
    monkeypatch.setattr(patience, "_LEAST_PATIENCE_S", 0.5)
    monkeypatch.setattr(offloading, "_CHECK_S", WAIT_S)
    monkeypatch.setattr(server_connection, "_HELLO_S", WAIT_S)
    caplog.set_level(logging.INFO)

    async def test(link: EmulatedLink) -> None:
        async with edge_agent.serving(site.edge(f"127.0.0.1:{link.port}")) as edge, application(edge) as app:
            before = (await app.offloading()).assignment
            assert await answered(app) == "server"
            await asyncio.to_thread(link.set_bandwidth, 0.0, 0.0)
            while "requests unanswered" not in caplog.text:
                assert await answered(app) == "edge"
            await asyncio.to_thread(link.set_bandwidth, 1e8, 1e8)
            while await answered(app) != "server":
                assert (await app.status()).server_connected
            assert (await app.status()).assignment == before
            assert " lost: " not in caplog.text
            assert "answers on a fresh connection, in place of a silent one" in caplog.text

    async def serve() -> None:
        async with server_agent.serving(site.server()) as server:
            port = int(server.rpartition(":")[2])
            with EmulatedLink(host="127.0.0.1", port=port, uplink=shape, downlink=shape, clock=SystemClock()) as link:
                await test(link)

    asyncio.run(asyncio.wait_for(serve(), 2 * WAIT_S))
