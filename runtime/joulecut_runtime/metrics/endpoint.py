"""An HTTP endpoint that Prometheus reads an agent's metrics from; its own registry, its own thread.

Needs the extra `metrics`; imported only where a configuration asks for it.
"""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, start_http_server

from joulecut_core.host_ports import cannot_listen
from joulecut_runtime.metrics.options import MetricsOptions

SECONDS_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Bounds of requests' seconds: from a small network on a large GPU to a server that was waited for in vain."""

_PAUSE_S = 0.5
"""Wall seconds after a connection that the system could not give, as out of descriptors: it stands in line."""

_LOG = logging.getLogger(__name__)


class _BoundedHandler(WSGIRequestHandler):
    """A thread for each connection: who says or takes nothing keeps his no longer than `timeout` wall seconds."""

    timeout = 30.0

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Log nothing, as the library's own."""


class MetricsEndpoint:
    """Serves `registry` from its construction to `close`.

    `url`: where it is read, with the port that the system chose. Raises ConfigError where nobody can listen at the
    configured place, LinkError where nobody can now.
    """

    def __init__(self, options: MetricsOptions, registry: CollectorRegistry) -> None:
        host, port = options.place()
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            raise cannot_listen(error)(
                f"metrics.listen: {options.listen}: {error.strerror or error}; choose another address, or port 0"
            ) from error
        # From the next connection on; the library's own waits for ever, and logs a traceback where somebody hangs up.
        self._server.RequestHandlerClass = _BoundedHandler
        self._closing = threading.Event()
        self._accept = self._server.get_request
        self._server.get_request = self._get_request  # type: ignore[method-assign]
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}/metrics"
        _LOG.info("metrics: %s", self.url)

    def close(self) -> None:
        """Answer nobody any more."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """The library's own tries again at once where it fails, with all of a core."""
        try:
            return self._accept()
        except OSError:
            self._closing.wait(_PAUSE_S)
            raise
