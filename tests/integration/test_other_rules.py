"""Other rules while both agents run over mutual TLS: an edge loses its right, and has it again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from dataclasses import replace

import pytest

import joulecut_edge.agent as edge_agent
import joulecut_server.agent as server_agent
from joulecut_edge.config import EdgeConfig
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import AgentClient
from joulecut_proto.security.tls_options import EdgeTls, ServerTls
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.config import ServerConfig
from joulecut_server.rule_changes import ConfigSource
from tests.fakes.certificates import Holder, TestAuthority
from tests.integration.site import WAIT_S, Site, application
from tests.integration.tiny_network import pictures

CAMS = AccessOptions(edges=(EdgeRule(names=("cam",)),))
TRUCKS = AccessOptions(edges=(EdgeRule(names=("truck",)),))


async def _logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    while text not in caplog.text:
        await asyncio.sleep(0.01)


def test_an_edge_loses_its_right_and_has_it_again(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Its stream ends with the rule's name and its clock is given back; it answers alone, and comes back by itself."""
    caplog.set_level(logging.INFO)
    authority = TestAuthority(site.own / "authority")
    gpu, cam, boss = (authority.issue(*each) for each in (("server", "gpu"), ("edge", "cam"), ("operator", "boss")))
    rules = [CAMS]

    def server() -> ServerConfig:
        tls = ServerTls(authority=str(gpu.authority), certificate=str(gpu.certificate), key=str(gpu.key))
        return replace(site.server(), tls=tls, access=rules[-1])

    def edge(address: str, holder: Holder) -> EdgeConfig:
        tls = EdgeTls(authority=str(holder.authority), certificate=str(holder.certificate), key=str(holder.key))
        return replace(site.edge(address), tls=tls)

    async def change(access: AccessOptions) -> None:
        caplog.clear()
        rules.append(access)
        os.kill(os.getpid(), signal.SIGHUP)
        await _logged(caplog, "rules and limits have changed")

    async def run() -> None:
        source = ConfigSource.of(site.own / "server.toml", server)
        async with (
            server_agent.serving(server(), source=source) as address,
            edge_agent.serving(edge(address, cam)) as endpoint,
            application(endpoint) as app,
            open_channel(address, boss.security) as channel,
        ):
            await app.offloading()
            _, reply = await app.infer(pictures(1)[0])
            assert reply.ledger.served_by == "server"
            await change(TRUCKS)
            await _logged(caplog, "no rule of [[access.edges]] names spiffe://lab/edge/cam")
            while (await app.status()).server_connected:
                await asyncio.sleep(0.01)
            _, reply = await app.infer(pictures(1)[0])
            assert reply.ledger.served_by == "edge"
            assert (await AgentClient(channel, peer="server").state(timeout_s=WAIT_S)).leased is None
            await change(CAMS)
            await app.offloading()
            _, reply = await app.infer(pictures(1)[0])
            assert reply.ledger.served_by == "server"

    asyncio.run(asyncio.wait_for(run(), 2 * WAIT_S))
