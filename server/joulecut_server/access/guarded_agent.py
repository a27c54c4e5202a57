"""What an agent tells a caller about itself, as far as that caller may know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

from joulecut_core.energy import EnergyReading
from joulecut_core.profiles import Profile
from joulecut_core.timing import Clock
from joulecut_proto.agent_messages import AgentState, BundleChunk, Echo, EchoReply, Hello, HelloReply
from joulecut_proto.services import AgentService
from joulecut_server.access.permit import Permit
from joulecut_server.access.rates import Rates

_ECHOES_HZ = 100.0
"""Far more than probing a link takes; beyond, echoes wait, which is what a busy link looks like."""


class GuardedAgent:
    """Implements the Agent service for one caller."""

    def __init__(
        self,
        service: AgentService,
        permit: Permit,
        name_of: Callable[[str], str | None],
        clock: Clock,
        rates: Rates,
    ) -> None:
        self._service = service
        self._permit = permit
        self._name_of = name_of
        self._clock = clock
        self._rates = rates

    async def hello(self, hello: Hello) -> HelloReply:
        """Who this is, with the caller's networks only."""
        reply = await self._service.hello(hello)
        known = (network for network in reply.networks if self._permit.knows_network(network.digest, network.name))
        return replace(reply, networks=tuple(known))

    async def state(self) -> AgentState:
        """A reading of the device."""
        return await self._service.state()

    async def profile(self, network_digest: str) -> Profile:
        """This side's profile of one of the caller's networks."""
        self._permit.check_network(network_digest, self._name_of)
        return await self._service.profile(network_digest)

    async def bundle(self, network_digest: str, held_bytes: Mapping[str, int]) -> AsyncIterator[BundleChunk]:
        """The files of one of the caller's networks, where it may fetch them."""
        self._permit.check_bundles()
        self._permit.check_network(network_digest, self._name_of)
        async for chunk in self._service.bundle(network_digest, held_bytes):
            yield chunk

    async def read_meter(self, not_before_s: float | None) -> EnergyReading:
        """The energy counter."""
        return await self._service.read_meter(not_before_s)

    async def echo(self, echo: Echo) -> EchoReply:
        """`reply_bytes` bytes, not too often."""
        if self._permit.identity is not None:
            while wait_s := self._rates.wait_s(("echo", self._permit.identity), _ECHOES_HZ):
                await asyncio.sleep(self._clock.wall_s(wait_s))
        return await self._service.echo(echo)
