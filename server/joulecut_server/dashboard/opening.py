"""What a server's configuration says of its dashboard, checked and opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import Scope

from joulecut_proto.security.certificates import own_identity
from joulecut_proto.security.identity import Role
from joulecut_proto.security.plain_text import Reach, reach_of
from joulecut_server.access.opening import listening_security
from joulecut_server.access.options import AccessOptions
from joulecut_server.config import ServerConfig
from joulecut_server.dashboard.app import make_app
from joulecut_server.dashboard.board import Board
from joulecut_server.dashboard.certificates import FreshCertificates
from joulecut_server.dashboard.endpoint import DashboardEndpoint
from joulecut_server.dashboard.parts import AgentParts
from joulecut_server.dashboard.visitors import CertifiedVisitors, LocalVisitors, admit_anybody


@asynccontextmanager
async def serving_board(config: ServerConfig, parts: AgentParts) -> AsyncIterator[Board]:
    """The dashboard of an agent, over HTTPS where it has certificates, until the context ends.

    Raises ConfigError where plain text is not in order at its address, nobody can listen there, or files are wrong.
    """
    board = Board(parts, name=config.name)
    await board.look()
    endpoint = await asyncio.to_thread(_open, config, board, parts.rules)
    keeping = asyncio.create_task(board.keep())
    try:
        yield board
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        board.close()
        await asyncio.to_thread(endpoint.close)


def _open(config: ServerConfig, board: Board, rules: Callable[[], AccessOptions | None]) -> DashboardEndpoint:
    """Takes as long as the system's resolver does."""
    options = config.dashboard
    place = options.place()
    security = listening_security(config.tls, place, insecure=config.insecure)
    if security is not None:
        site = own_identity(security, Role.SERVER).site
        visitors = CertifiedVisitors(site=site, access=rules, edges=options.edges)
        return DashboardEndpoint(make_app(board, visitors.admit), place, FreshCertificates(security).context)
    admit: Callable[[Scope], None] = admit_anybody
    if reach_of(place) is Reach.HOST:
        admit = LocalVisitors(place.host).admit
    return DashboardEndpoint(make_app(board, admit), place, None)
