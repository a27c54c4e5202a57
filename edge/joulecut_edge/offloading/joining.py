"""Opens connections to servers: who answers, what it serves, and whether it takes requests."""

from __future__ import annotations

import asyncio
import logging

from joulecut_core.errors import ContractError, JoulecutError
from joulecut_core.timing import Clock
from joulecut_edge.offloading.edge_identity import EdgeIdentity
from joulecut_edge.peers.server_connection import ServerConnection
from joulecut_edge.peers.servers import Candidate
from joulecut_edge.peers.transport import Transport
from joulecut_proto.agent_messages import HelloReply

_LOG = logging.getLogger(__name__)


class Joining:
    """The first words with servers. Used from the event loop only."""

    def __init__(self, identity: EdgeIdentity, transport: Transport, clock: Clock) -> None:
        self._identity = identity
        self._transport = transport
        self._clock = clock
        self._well_since_s: dict[str, float] = {}

    async def opened(self, candidate: Candidate, *, affinity: str = "") -> ServerConnection:
        """A connection that has been greeted and takes requests for this network; nothing is planned yet.

        `affinity`: the server behind a balancer that it must be, as an earlier connection's.
        Raises LinkError where nobody answers or it takes none, ConfigError or AccessError where who answers is not
        to be talked to, ContractError where it is of another version or network.
        """
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        address, identity, table = candidate.address, self._identity, self._identity.network.table
        security = await self._transport.security(address)
        await self._transport.check_server(address, server_name=candidate.server_name)
        connection = ServerConnection(
            address,
            session_id=identity.session_id,
            clock=self._clock,
            security=security,
            server_name="" if security is None else candidate.server_name,
            affinity=affinity,
            priority=identity.priority,
        )
        try:
            reply = await connection.hello(identity.name, identity.slowdown)
            _check_serves(reply, table.network, table.digest)
            await connection.watch_health()
        except BaseException:
            await connection.close()
            raise
        connection.opened_within_s = loop.time() - begin_s
        connection.network = identity.network
        connection.device = reply.device
        return connection

    async def well_s(self, candidate: Candidate) -> float | None:
        """For how many wall seconds a server has answered each greeting; None where it does not."""
        now_s = asyncio.get_running_loop().time()
        try:
            await (await self.opened(candidate)).close()
        except JoulecutError as error:
            _LOG.debug("server %s: not well: %s", candidate.address, error)
        except Exception:  # noqa: BLE001 - what another server says must not end the use of the one in use
            _LOG.exception("server %s", candidate.address)
        else:
            return now_s - self._well_since_s.setdefault(candidate.address, now_s)
        self._well_since_s.pop(candidate.address, None)
        return None

    def forget_wellness(self, candidate: Candidate | None = None) -> None:
        """Count anew from the next greeting on; None for all."""
        if candidate is None:
            self._well_since_s.clear()
        else:
            self._well_since_s.pop(candidate.address, None)


def _check_serves(reply: HelloReply, network: str, digest: str) -> None:
    if digest not in {each.digest for each in reply.networks}:
        raise ContractError(f"it does not serve {network} {digest}")
