"""Servers that greet and plan, and answer no request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from joulecut_edge import agent as edge_agent
from joulecut_edge.peers.servers import Servers
from joulecut_proto.streaming.streams import InferenceServerStream
from joulecut_server import agent as server_agent
from joulecut_server.requests.inference import ServerInference
from tests.integration.site import WAIT_S, Site, application
from tests.integration.tiny_network import pictures, tiny_network

PICTURE = pictures(1, seed=9)[0]
EXPECTED = tiny_network().whole((PICTURE,))[0]
JOINED = 3
"""How often it is tried before it is mended."""


def test_a_server_that_only_greets_is_left_alone_longer_each_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining it is no success: otherwise each request would cost it a plan; mended, it is used again."""
    site = replace(site, max_accuracy_loss=0.0)  # answers are compared to the bit
    failures: list[int] = []
    left, serve = Servers.left, ServerInference.serve

    def noted(self: Servers, *arguments: object, is_barren: bool, is_leaving: bool) -> None:
        left(self, *arguments, is_barren=is_barren, is_leaving=is_leaving)  # type: ignore[arg-type]
        failures.extend(self.failures(each) for each in arguments)  # type: ignore[arg-type]

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
    assert failures == [1, 2, 3]
    assert served[-1] == "server"
