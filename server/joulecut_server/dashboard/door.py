"""The dashboard's listener: how many connections it has at a time, those included that have shown nothing yet.

A connection takes a descriptor, and with TLS a third of a megabyte, from the moment it is accepted; the HTTP server
counts it only once it has shown a certificate.
"""

from __future__ import annotations

import socket
from contextlib import suppress


class Door(socket.socket):
    """A listening socket. `most`: of strangers, who have not shown a certificate where one is asked for, and of guests.

    The strangers who have waited longest make room for the next, so that nobody keeps others out by being slow; what
    comes beyond the most guests is hung up on. Used from the event loop only.
    """

    def __init__(self, listener: socket.socket, *, most: int) -> None:
        """Takes the place of `listener`."""
        super().__init__(listener.family, listener.type, listener.proto, fileno=listener.detach())
        self._most = most
        self._strangers: dict[int, socket.socket] = {}
        self._guests: set[int] = set()

    def accept(self) -> tuple[socket.socket, object]:
        """The next connection, of which nothing is known."""
        connection, place = super().accept()
        number = connection.fileno()
        # Its number may be that of one that has hung up.
        self._strangers.pop(number, None)
        self._strangers[number] = connection
        if len(self._strangers) > self._most or len(self._guests) >= self._most:
            _hang_up(self._strangers.pop(next(iter(self._strangers))))
        return connection, place

    def known(self, number: int) -> None:
        """The connection of that descriptor has shown what is asked for."""
        self._strangers.pop(number, None)
        self._guests.add(number)

    def left(self, number: int) -> None:
        """One that was known has ended."""
        self._guests.discard(number)


def _hang_up(connection: socket.socket) -> None:
    """Whoever serves it sees its end, and closes it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
