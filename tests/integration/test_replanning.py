"""An edge and a server over an emulated link that changes: plans follow it, nobody is asked, answers stay right."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from joulecut_core.problems import Slo
from joulecut_core.timing import SystemClock
from joulecut_edge import agent as edge_agent
from joulecut_edge.config import PlanningOptions
from joulecut_edge.plans.active_plan import LOCAL_EPOCH
from joulecut_proto.addresses import parse_address
from joulecut_runtime.links.emulated_link import EmulatedLink
from joulecut_runtime.links.shape import LinkShape
from joulecut_server import agent as server_agent
from tests.integration.site import WAIT_S, Application, Site, application, server_state
from tests.integration.tiny_network import pictures, tiny_network

LAST = tiny_network().table.last
PICTURE = pictures(1, seed=3)[0]
SLOW_BPS, FAST_BPS = 5e4, 5e7
"""The slow one takes longer for a picture than its deadline allows."""


async def cut_of(app: Application) -> int:
    assignment = (await app.status()).assignment
    assert assignment is not None
    return assignment.cut


async def ask(app: Application) -> None:
    answer, _ = await app.infer(PICTURE)
    assert answer.argmax() == tiny_network().whole((PICTURE,))[0].argmax()


def test_a_link_that_collapses_brings_the_network_home_without_a_new_plan(site: Site) -> None:
    """Once requests are late the edge goes on alone, every answer right, and the server gets its clock back."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            server_address = await stack.enter_async_context(server_agent.serving(site.server()))
            server = parse_address(server_address)
            shape = LinkShape(bandwidth_bps=FAST_BPS, delay_s=0.001)
            link = EmulatedLink(
                host=server.host, port=server.port, uplink=shape, downlink=shape, clock=SystemClock(), seed=1
            )
            stack.callback(link.close)
            config = replace(
                site.edge(f"127.0.0.1:{link.start()}"),
                policy="joint",
                slo=Slo(latency_s=0.4, rate_hz=2.0),
                planning=PlanningOptions(follow_link=True),
            )
            address = await stack.enter_async_context(edge_agent.serving(config))
            app = await stack.enter_async_context(application(address))
            await app.offloading()
            assert await cut_of(app) < LAST
            for _ in range(3):
                await ask(app)
            assert (await server_state(server_address)).leased is not None
            link.set_bandwidth(SLOW_BPS, SLOW_BPS)
            while await cut_of(app) < LAST:
                await ask(app)
            assignment = (await app.status()).assignment
            assert assignment is not None
            assert assignment.epoch == LOCAL_EPOCH
            await ask(app)
            while (await server_state(server_address)).leased is not None:
                await asyncio.sleep(0.02)

    asyncio.run(asyncio.wait_for(run(), 3 * WAIT_S))
