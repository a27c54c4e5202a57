"""Connections to hosts of several addresses, some of them dead."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from joulecut_proto.first_connection import Way, first_connected

_LONG_S = 60.0
"""Longer than a test may take: nobody is waited for."""


@pytest.fixture(name="opened")
def _opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def way_to(listener: socket.socket) -> Way:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname())


def listening(opened: ExitStack) -> socket.socket:
    return opened.enter_context(socket.create_server(("127.0.0.1", 0)))


def silent(opened: ExitStack) -> Way:
    """A way on which nothing comes back: the listener's line is full, and the kernel drops who comes then."""
    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    for _ in range(2):
        waiting = opened.enter_context(socket.socket())
        waiting.settimeout(0.0)
        waiting.connect_ex(listener.getsockname())
    return way_to(listener)


def refused() -> Way:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return way_to(listener)


def of_no_family() -> Way:
    """A way of a family that no host has, as IPv6 is none of some."""
    return (socket.AddressFamily(socket.AF_IPX), socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))


def no_way_there() -> Way:
    """A way that ends where it is begun, as one does to a network to which this host has no route."""
    return (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/nobody/listens/here")


def test_dead_addresses_before_the_living_one(opened: ExitStack) -> None:
    """What is silent, refused, out of reach or of an unknown family costs a moment, not the whole patience."""
    listener = listening(opened)

    dead = (silent(opened), refused(), no_way_there(), of_no_family())
    with first_connected([*dead, way_to(listener)], _LONG_S) as winner:
        accepted = opened.enter_context(listener.accept()[0])
        assert winner.getpeername() == listener.getsockname()
        assert winner.gettimeout() == _LONG_S
        winner.sendall(b"here")
        assert accepted.recv(4) == b"here"


def test_the_first_that_answers_is_the_only_one(opened: ExitStack) -> None:
    """Where the first address lives the next is not asked."""
    first, second = listening(opened), listening(opened)
    second.settimeout(0.0)

    with first_connected([way_to(first), way_to(second)], _LONG_S) as winner:
        assert winner.getpeername() == first.getsockname()
    with pytest.raises(BlockingIOError):
        second.accept()


def test_what_went_wrong_last_is_told() -> None:
    """Of a way that ended where it was begun, too."""
    with pytest.raises(FileNotFoundError):
        first_connected([refused(), no_way_there()], _LONG_S)
    with pytest.raises(OSError, match=os.strerror(errno.EAFNOSUPPORT)):
        first_connected([no_way_there(), of_no_family()], _LONG_S)


@pytest.mark.parametrize("count", [1, 3])
def test_nobody_listens(count: int) -> None:
    """All refused is told as such, at once."""
    with pytest.raises(ConnectionRefusedError):
        first_connected([refused() for _ in range(count)], _LONG_S)


def test_nobody_answers(opened: ExitStack) -> None:
    """Silence of all ends with the patience for each, and leaves no socket behind."""
    ways = [silent(opened), silent(opened)]
    with socket.socket() as probe:
        free = probe.fileno()

    with pytest.raises(TimeoutError):
        first_connected(ways, 0.05)
    with socket.socket() as probe:
        assert probe.fileno() == free


def test_no_address_at_all() -> None:
    """A resolver that knows none is no crash."""
    with pytest.raises(OSError, match="no address"):
        first_connected([], _LONG_S)
