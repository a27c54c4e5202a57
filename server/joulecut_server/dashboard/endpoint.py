"""The dashboard's HTTP server: uvicorn in a thread and a loop of its own, so that no page holds up a request."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from typing import Any, ClassVar, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from joulecut_core.host_ports import cannot_listen
from joulecut_proto.addresses import Address
from joulecut_proto.log_limit import LogLimit
from joulecut_server.dashboard.door import Door
from joulecut_server.dashboard.visitors import CERTIFICATE

_LOG = logging.getLogger(__name__)
_HTTP_LOG = logging.getLogger("uvicorn.error")

_MOST_CONNECTIONS = 64
_MOST_ACCEPTED = 2 * _MOST_CONNECTIONS
"""Room to answer 503."""
_MOST_OF_ONE = 16
"""With one certificate: more than browsers open to one place, so that no edge keeps operators out."""
_GRACE_S = 1
_STOP_S = 5.0
_REQUEST_S = 10.0
"""How long a connection may take for a whole request: whoever sends none keeps others out."""


class _Protocol(H11Protocol):
    """HTTP/1.1, with the visitor's certificate in the state of its requests, for whoever makes requests."""

    door: ClassVar[Door]
    _seen: RequestResponseCycle | None = None
    _number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._number = transport.get_extra_info("socket").fileno()
        super().connection_made(cast("asyncio.Transport", transport))
        self.loop.call_later(_REQUEST_S, self._look)
        connection = transport.get_extra_info("ssl_object")
        certificate = None if connection is None else connection.getpeercert(binary_form=True)
        if connection is not None:
            self.app_state = {**self.app_state, CERTIFICATE: certificate}
        if not self.door.known(self._number, certificate):
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.left(self._number)
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close the connection if nothing is being answered and no request has become whole since the last look."""
        if self.transport.is_closing():
            return
        # None until the first request is whole, although the library does not say so.
        latest = cast("RequestResponseCycle | None", self.cycle)
        if latest is self._seen and (latest is None or latest.response_complete):
            self.transport.close()
            return
        self._seen = latest
        self.loop.call_later(_REQUEST_S, self._look)


class _ToldOnce(logging.Filter):
    """Lets each message of the HTTP server's through once: refused visitors fill no log."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.WARNING:
            return True
        is_new = record.msg not in self._told
        self._told.add(record.msg)
        return is_new


class DashboardEndpoint:
    """Serves `app` from its construction to `close`.

    `context`: for HTTPS. `url`: where it is read, with the port that the system chose. Raises ConfigError where nobody
    can listen at `place`, LinkError where nobody can now.
    """

    def __init__(self, app: ASGIApp, place: Address, context: ssl.SSLContext | None) -> None:
        self._listener = door = Door(_listen(place), most=_MOST_ACCEPTED, most_of_one=_MOST_OF_ONE)
        options: dict[str, Any] = {
            "access_log": False,
            # So many are accepted at once, before the first of them can be hung up on.
            "backlog": _MOST_CONNECTIONS,
            "http": type("_OwnProtocol", (_Protocol,), {"door": door}),
            "lifespan": "off",
            "limit_concurrency": _MOST_CONNECTIONS,
            "log_config": None,
            "log_level": "warning",
            "proxy_headers": False,
            "server_header": False,
            "timeout_graceful_shutdown": _GRACE_S,
            "ws": "none",
        }
        config = uvicorn.Config(app, **options)
        config.load()
        config.ssl = context
        self._server = uvicorn.Server(config)
        port = self._listener.getsockname()[1]
        shown = f"[{place.host}]" if ":" in place.host else place.host
        self.url = f"{'http' if context is None else 'https'}://{shown}:{port}/"
        self._told_once = _ToldOnce()
        _HTTP_LOG.addFilter(self._told_once)
        self._lines = LogLimit(_LOG)
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), name="dashboard", daemon=True)
        self._thread.start()
        _LOG.info("dashboard: %s", self.url)

    async def _serve(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._tell)
        await self._server.serve(sockets=[self._listener])

    def _tell(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What asyncio has nobody to raise to: a line where no connection can be taken, a traceback for all else."""
        error = context.get("exception")
        if "socket" in context and isinstance(error, OSError):
            self._lines.warn("dashboard", "dashboard: no connection can be taken: %s", error.strerror or error)
        else:
            loop.default_exception_handler(context)

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        _HTTP_LOG.removeFilter(self._told_once)
        self._listener.close()


def _listen(place: Address) -> socket.socket:
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        return socket.create_server((str(address[0]), place.port), family=family)
    # UnicodeError: names that are none, such as with a part of more than 63 characters.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        text = f"dashboard.listen: {place}: {reason}; choose another address, or port 0"
        raise cannot_listen(error)(text) from error
