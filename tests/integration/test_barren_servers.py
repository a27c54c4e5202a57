"""Servers that greet and plan, and answer no request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
import torch

from joulecut_edge import agent as edge_agent
from joulecut_edge.offloading.joining import Joining
from joulecut_edge.offloading.offloading import Offloading
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Candidate, Servers
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server import agent as server_agent
from joulecut_server.requests.inference import ServerInference
from tests.integration.site import WAIT_S, Site, application
from tests.integration.tiny_network import pictures, tiny_network

PICTURE = pictures(1, seed=9)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]
JOINED = 3
"""How often it is tried before it is mended."""
RETURN_S = 0.05


def test_a_server_that_only_greets_is_left_alone_longer_each_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining it is no success: otherwise each request would cost it a plan; mended, it is used again."""
    site = replace(site, max_accuracy_loss=0.0)  # answers are compared to the bit
    failures: list[int] = []
    left, serve = Servers.left, ServerInference.serve

    def noted(self: Servers, *arguments: object, is_barren: bool, is_leaving: bool) -> None:
        left(self, *arguments, is_barren=is_barren, is_leaving=is_leaving)  # type: ignore[arg-type]
        failures.extend(self._failures_at(each.address) for each in arguments)  # type: ignore[attr-defined]

    async def hung_up(self: ServerInference, stream: InferenceServerStream) -> None:
        if len(failures) >= JOINED:
            await serve(self, stream)
        else:
            await anext(stream.requests())

    monkeypatch.setattr(Servers, "left", noted)
    monkeypatch.setattr(ServerInference, "serve", hung_up)

    async def test() -> Sequence[str]:
        served: list[str] = []
        async with (
            server_agent.serving(site.server()) as server,
            edge_agent.serving(site.edge(server)) as edge,
            application(edge) as app,
        ):
            while not served or served[-1] == "edge":
                answer, reply = await app.infer(PICTURE, "r")
                assert torch.equal(answer, EXPECTED)
                served.append(reply.ledger.served_by)
        return served

    served = asyncio.run(asyncio.wait_for(test(), 2 * WAIT_S))
    # On a busy host a greeting that comes too late is a failure too.
    assert len(failures) == JOINED
    assert failures == sorted(set(failures))
    assert served[-1] == "server"


def test_a_server_that_answered_nothing_must_seem_well_for_longer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preferred or not, who greets well and serves nothing is not gone back to after each wait of the usual length."""
    serve = ServerInference.serve
    hung: list[ServerInference] = []
    made: list[Offloading] = []
    looks: list[float] = []
    well = [1.5 * RETURN_S]

    async def hung_up(self: ServerInference, stream: InferenceServerStream) -> None:
        hung[:] = hung or [self]
        if self is hung[0]:
            await anext(stream.requests())
        else:
            await serve(self, stream)

    async def well_s(self: Joining, candidate: Candidate) -> float:
        del self, candidate
        looks.append(well[0])
        return well[0]

    def make(*arguments: Any, **options: Any) -> Offloading:
        made.append(Offloading(*arguments, **options, return_s=RETURN_S))
        return made[-1]

    monkeypatch.setattr(ServerInference, "serve", hung_up)
    monkeypatch.setattr(Joining, "well_s", well_s)
    monkeypatch.setattr(edge_agent, "Offloading", make)

    async def test() -> None:
        async with AsyncExitStack() as stack:
            first, second = [
                await stack.enter_async_context(server_agent.serving(replace(site.server(), name=name)))
                for name in ("hung", "well")
            ]
            edge = await stack.enter_async_context(edge_agent.serving(site.edge(f"{first},{second}")))
            app = await stack.enter_async_context(application(edge))

            async def ask_until(reached: Callable[[ServerConnection | None], bool]) -> None:
                while not reached(made[0].connection):
                    await app.infer(PICTURE, "r")

            await ask_until(lambda used: used is not None and used.address == second)
            looks.clear()
            await ask_until(lambda used: used is None or used.address == first or len(looks) >= 3)
            assert len(looks) >= 3
            well[0] = 2.5 * RETURN_S
            await ask_until(lambda used: used is None or used.address == first)

    asyncio.run(asyncio.wait_for(test(), 2 * WAIT_S))
