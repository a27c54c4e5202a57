"""What each kind of message costs a server-agent: CPU of its process, counted by the system, per answered message.

One emulated server-agent and one edge on this machine, over loopback, one message after the other. A request's cost
has the emulated device's work in it, which on a real server is the GPU's: it is an upper bound.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import grpc.aio

from benchmarks.session_site import PLAN_S, Edge, Server, server_agent
from joulecut_proto.agent_messages import Echo
from joulecut_proto.channels import channel_options
from joulecut_proto.clients import AgentClient, PlannerClient
from joulecut_proto.planning_messages import SessionRequest

_LEAST_S = 0.5
"""CPU seconds that a kind of message has to take before it is divided: the system counts in hundredths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCost:
    """One kind of message: how many were sent, and CPU milliseconds of the server-agent for each."""

    kind: str
    sent: int
    cpu_ms: float

    @property
    def per_second(self) -> float:
        """How many one core would answer."""
        return 1e3 / self.cpu_ms


def message_costs(*, most: int) -> list[MessageCost]:
    """The costs of status, echo, planning, activating and inference messages; `most` of each kind at most."""
    return asyncio.run(_measured(most))


async def _measured(most: int) -> list[MessageCost]:
    with tempfile.TemporaryDirectory() as folder:
        async with server_agent(Path(folder)) as (server, request):
            return await _costs(server, request, most)


async def _costs(server: Server, request: SessionRequest, most: int) -> list[MessageCost]:
    async with grpc.aio.insecure_channel(server.address, options=channel_options()) as channel:
        agent, planner = AgentClient(channel, peer="server"), PlannerClient(channel, peer="server")
        own = replace(request, session_id="planned")
        edge = Edge(server, request, "asking")
        await edge.join()
        epoch = (await planner.plan_session(own, timeout_s=PLAN_S)).assignment
        assert epoch is not None
        calls: tuple[tuple[str, Callable[[], Awaitable[object]]], ...] = (
            ("status", lambda: agent.state(timeout_s=PLAN_S)),
            ("echo, 16 bytes", lambda: agent.echo(Echo(payload=bytes(16), reply_bytes=16), timeout_s=PLAN_S)),
            ("activate", lambda: planner.activate("planned", epoch.epoch, timeout_s=PLAN_S)),
            ("inference request", edge.ask),
            ("plan a session", lambda: planner.plan_session(replace(own, preview=True), timeout_s=PLAN_S)),
        )
        costs = [await _cost(server, kind, call, most) for kind, call in calls]
        await edge.close()
        return costs


async def _cost(server: Server, kind: str, call: Callable[[], Awaitable[object]], most: int) -> MessageCost:
    await call()
    before_s, sent = server.cpu_s, 0
    while sent < most and (sent < 20 or server.cpu_s - before_s < _LEAST_S):
        await call()
        sent += 1
    return MessageCost(kind=kind, sent=sent, cpu_ms=1e3 * max(server.cpu_s - before_s, 0.005) / sent)
