"""The standard gRPC health service (ADR 19): what a server says of its own services, to whoever asks or follows it.

    tell ──▶ states ──▶ each follower, at its own pace: the newest alone

Nobody is waited for to tell a state: who does not read holds one message of its own, and nobody else's. grpc_health's
servicer writes to each follower under the lock that telling needs.

Names of methods (N802) are gRPC's.
"""
# ruff: noqa: N802

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterable
from typing import cast

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2

from joulecut_core.errors import AccessError
from joulecut_proto.answering import Answering, Context
from joulecut_proto.arriving import Arriving
from joulecut_proto.call_room import CallRoom, connection_of
from joulecut_proto.handlers import add_handlers, reading
from joulecut_proto.security.callers import Callers

_HEALTH = cast(ServiceDescriptor, health_pb2.DESCRIPTOR.services_by_name["Health"])
HEALTH_SERVICE = _HEALTH.full_name

_LONGEST_BYTES = 1024
"""A request is kept for as long as its caller follows, so it may hold the name of a service and not much else."""

_WITHIN_S = 10.0
"""For a whole request. Whoever asks may have no name, and leave half of one."""

_SERVING = {
    None: health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
    False: health_pb2.HealthCheckResponse.NOT_SERVING,
    True: health_pb2.HealthCheckResponse.SERVING,
}


class HealthStates:
    """Which services are served now. Used from the event loop only."""

    def __init__(self) -> None:
        self._states: dict[str, bool] = {}
        self._changed = asyncio.Event()

    def tell(self, services: Iterable[str], *, serving: bool) -> None:
        """From now on these are served, or not; "" stands for the server as a whole. Waits for nobody."""
        self._states.update(dict.fromkeys(services, serving))
        self._changed.set()
        self._changed = asyncio.Event()

    def of(self, service: str) -> bool | None:
        """Whether a service is served; None for one that nothing was told of."""
        return self._states.get(service)

    async def follow(self, service: str) -> AsyncIterator[bool | None]:
        """As `of`, at once and after each change; what changes while the last one is being taken is not queued."""
        state = self.of(service)
        while True:
            yield state
            told = state
            while (state := self.of(service)) is told:
                await self._changed.wait()


def add_health(server: grpc.aio.Server, states: HealthStates, callers: Callers | None = None) -> None:
    """Serve grpc.health.v1.Health to everybody. `callers`: who they are, for their room; None: one each connection."""
    servicer = _HealthServicer(states, callers)
    arriving = Arriving(servicer.who, None if callers is None else callers.arriving, within_s=_WITHIN_S)
    add_handlers(server, _HEALTH, reading(_HEALTH, servicer, arriving, most_bytes=_LONGEST_BYTES))


class _HealthServicer:
    def __init__(self, states: HealthStates, callers: Callers | None) -> None:
        self._states = states
        self._callers = callers
        self._checks = CallRoom("health checks", each=64, total=4096)
        # As many in all as there are streams; a proxy without TLS has those of many edges on one connection.
        self._watches = CallRoom("watches of health", each=256, total=4096)

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse | None:
        async with Answering(context, "Health.Check", contract_code=grpc.StatusCode.INVALID_ARGUMENT):
            self._checks.enter(context, self.who(context))
            state = self._states.of(request.service)
            if state is None:
                # Whoever asks does nothing wrong: no refusal, of which the log would tell.
                context.set_code(grpc.StatusCode.NOT_FOUND)
                context.set_details(f"no service {request.service!r} here")
            return health_pb2.HealthCheckResponse(status=_SERVING[state])
        return None

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        async with Answering(context, "Health.Watch", contract_code=grpc.StatusCode.INVALID_ARGUMENT):
            self._watches.enter(context, self.who(context))
            async for state in self._states.follow(request.service):
                await context.write(health_pb2.HealthCheckResponse(status=_SERVING[state]))

    def who(self, context: Context) -> Hashable | None:
        """Health is for proxies and supervisors too, so nobody is refused for what its certificate says."""
        if self._callers is None:
            return connection_of(context)
        try:
            identity = self._callers.of(context).identity
        except AccessError:
            return tuple((context.auth_context() or {}).get("x509_pem_cert", ()))
        return identity or connection_of(context)
