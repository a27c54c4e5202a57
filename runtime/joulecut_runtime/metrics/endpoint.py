"""An HTTP endpoint that Prometheus reads an agent's metrics from; its own registry, its own threads.

Needs the extra `metrics`; imported only where a configuration asks for it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import OrderedDict
from contextlib import suppress
from socketserver import ThreadingMixIn
from typing import cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from joulecut_core.host_ports import cannot_listen
from joulecut_core.timing import is_set_within
from joulecut_runtime.metrics.options import MetricsOptions

SECONDS_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Bounds of requests' seconds: from a small network on a large GPU to a server that was waited for in vain."""

_PAUSE_S = 0.5
"""Wall seconds after a connection that the system could not give, as out of descriptors: it stands in line."""
_MOST_CONNECTIONS = 32
"""Far more than there are scrapers. Each has a thread of the agent's."""

_LOG = logging.getLogger(__name__)


class _BoundedHandler(WSGIRequestHandler):
    """A thread for each connection: who says or takes nothing keeps his no longer than `timeout` wall seconds."""

    timeout = 30.0

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Log nothing: whoever reaches the port could fill the log."""


class _Server(ThreadingMixIn, WSGIServer):
    """Bounded in connections: the one that has lasted longest makes room, so that nobody keeps scrapers out."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        self.address_family = family
        self.closing = threading.Event()
        self._open: OrderedDict[socket.socket, None] = OrderedDict()
        super().__init__((str(address[0]), port), _BoundedHandler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next connection; where the system has none to give, the library would ask again at once."""
        try:
            return cast("tuple[socket.socket, tuple[str, int]]", super().get_request())
        except OSError:
            is_set_within(self.closing, _PAUSE_S)
            raise

    def verify_request(self, request: object, client_address: object) -> bool:
        """Every connection is served; beyond the most, the oldest is hung up on, and its thread sees its end."""
        del client_address
        while len(self._open) >= _MOST_CONNECTIONS:
            # It may have ended meanwhile.
            with suppress(OSError, KeyError):
                oldest, _ = self._open.popitem(last=False)
                oldest.shutdown(socket.SHUT_RDWR)
        self._open[cast("socket.socket", request)] = None
        return True

    def shutdown_request(self, request: object) -> None:
        """One has ended."""
        self._open.pop(cast("socket.socket", request), None)
        super().shutdown_request(cast("socket.socket", request))


class MetricsEndpoint:
    """Serves `registry` from its construction to `close`.

    `url`: where it is read, with the port that the system chose. Raises ConfigError where nobody can listen at the
    configured place, LinkError where nobody can now.
    """

    def __init__(self, options: MetricsOptions, registry: CollectorRegistry) -> None:
        host, port = options.place()
        try:
            self._server = _Server(host, port)
        # UnicodeError: names that are none, such as with a part of more than 63 characters.
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise cannot_listen(error)(
                f"metrics.listen: {options.listen}: {reason}; choose another address, or port 0"
            ) from error
        self._server.set_app(make_wsgi_app(registry))
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}/metrics"
        _LOG.info("metrics: %s", self.url)

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
