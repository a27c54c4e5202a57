"""How many requests one application may have under way at an edge-agent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from joulecut_proto.call_refusals import CallRefusedError
from joulecut_proto.call_room import CallRoom
from joulecut_proto.clients import LocalClient
from joulecut_proto.local_messages import InferReply, InferRequest
from joulecut_proto.servicers import add_local
from joulecut_proto.services import LocalService
from tests.proto.serving import TIMEOUT_S, serving
from tests.proto.test_convert_inference import LEDGER


class _SlowLocal:
    """Answers the first request when it may, and the others at once."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def infer(self, request: InferRequest) -> InferReply:
        if not self.asked.is_set():
            self.asked.set()
            await self.may_answer.wait()
        return InferReply(tensors=request.tensors, ledger=LEDGER)


def test_an_application_has_so_many_requests_under_way(tmp_path: Path) -> None:
    """One that has as many as it may is refused, by its name; others are answered."""

    async def talk() -> None:
        local, room = _SlowLocal(), CallRoom("requests", each=1, total=2)
        service, address = cast(LocalService, local), f"unix:{tmp_path / 'edge.sock'}"
        async with serving(lambda server: add_local(server, service, room), address=address) as channel:
            client = LocalClient(channel, peer="edge-agent")

            async def ask(application: str) -> None:
                request = InferRequest(request_id="1", tensors=(), application=application)
                await client.infer(request, timeout_s=TIMEOUT_S)

            first = asyncio.create_task(ask("cam"))
            await local.asked.wait()
            with pytest.raises(CallRefusedError, match="1 requests of one caller are under way"):
                await ask("cam")
            await ask("lidar")
            local.may_answer.set()
            await first

    asyncio.run(talk())
