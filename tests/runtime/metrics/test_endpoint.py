"""Where Prometheus reads, and what others do there."""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from socketserver import TCPServer
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry, Counter

from joulecut_core.errors import ConfigError, LinkError
from joulecut_runtime.metrics import endpoint as module
from joulecut_runtime.metrics.endpoint import MetricsEndpoint
from joulecut_runtime.metrics.options import MetricsOptions

WAIT_S = 20.0
RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing sends a reset."""


@pytest.fixture
def endpoint() -> Iterator[MetricsEndpoint]:
    registry = CollectorRegistry()
    Counter("requests", "as an agent has them", registry=registry).inc()
    with closing(MetricsEndpoint(MetricsOptions(listen="127.0.0.1:0"), registry)) as endpoint:
        yield endpoint


def visit(endpoint: MetricsEndpoint, said: bytes) -> socket.socket:
    """A connection on which somebody has said this much of a request."""
    line = socket.create_connection(("127.0.0.1", urlsplit(endpoint.url).port or 0), timeout=WAIT_S)
    line.sendall(said)
    return line


def is_hung_up(line: socket.socket) -> bool:
    """Whether the endpoint has closed a connection; a reset is how it answers what comes too late."""
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_who_says_nothing_loses_his_place(endpoint: MetricsEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scraper that was cut off in the middle holds a thread and a descriptor for a while, not for ever."""
    monkeypatch.setattr(module._BoundedHandler, "timeout", 0.05)
    for said in (b"", b"GET /metr"):
        with visit(endpoint, said) as line:
            assert is_hung_up(line)
    monkeypatch.setattr(module._BoundedHandler, "timeout", WAIT_S)
    with visit(endpoint, b"GET /metrics HTTP/1.0\r\n\r\n") as line:
        assert b"requests_total 1.0" in line.makefile("rb").read()


def test_who_hangs_up_is_no_defect(
    endpoint: MetricsEndpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reset before the answer, as of a scraper out of time, leaves no traceback in the agent's log."""
    ended = threading.Semaphore(0)
    shut_down = TCPServer.shutdown_request

    def told(server: TCPServer, request: socket.socket) -> None:
        shut_down(server, request)
        ended.release()

    monkeypatch.setattr(TCPServer, "shutdown_request", told)
    for said in (b"GET /metr", b"GET /metrics HTTP/1.1\r\n"):
        line = visit(endpoint, said)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        line.close()
        assert ended.acquire(timeout=WAIT_S)
    assert capsys.readouterr() == ("", "")


def test_an_agent_out_of_descriptors_waits_for_them(endpoint: MetricsEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that cannot be taken keeps no core busy; it is answered once it can be."""
    paused_s: list[float] = []
    accept = socket.socket.accept

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            paused_s.append(timeout or 0.0)
            return super().wait(0.0)

    def refuse(listener: socket.socket) -> tuple[socket.socket, object]:
        if len(paused_s) < 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(listener)

    monkeypatch.setattr(endpoint._server, "closing", Waiting())
    monkeypatch.setattr(socket.socket, "accept", refuse)
    with visit(endpoint, b"GET /metrics HTTP/1.0\r\n\r\n") as line:
        assert b"requests_total 1.0" in line.makefile("rb").read()
    assert paused_s == [module._PAUSE_S] * 2


def test_many_connections_take_few_threads(endpoint: MetricsEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that say nothing make room, the longest silent first: a scraper is answered among any number of them."""
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 3)
    with ExitStack() as stack:
        silent = [stack.enter_context(visit(endpoint, b"")) for _ in range(9)]
        with visit(endpoint, b"GET /metrics HTTP/1.0\r\n\r\n") as line:
            assert b"requests_total 1.0" in line.makefile("rb").read()
        assert [each.recv(1) for each in silent[:7]] == [b""] * 7
        silent[-1].sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert b"requests_total 1.0" in silent[-1].makefile("rb").read()


def test_an_address_that_is_not_here_yet() -> None:
    """192.0.2.0/24 belongs to nobody. A robot's Wi-Fi address may come later: its service is to start again."""
    with pytest.raises(LinkError, match=r"metrics\.listen: 192\.0\.2\.1:9464: .*; choose another address"):
        MetricsEndpoint(MetricsOptions(listen="192.0.2.1:9464"), CollectorRegistry())


def test_a_name_that_nobody_can_have() -> None:
    """A part of a name has 63 characters at most: wrong input, not a defect."""
    with pytest.raises(ConfigError, match=r"metrics\.listen: aaa.*; choose another address"):
        MetricsEndpoint(MetricsOptions(listen=f"{'a' * 64}.lab:9464"), CollectorRegistry())
