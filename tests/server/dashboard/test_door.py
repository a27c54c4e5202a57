"""Who may have how many of the dashboard's connections."""

from __future__ import annotations

import socket

from joulecut_server.dashboard.door import Door


def test_one_certificate_has_so_many_connections_and_who_shows_none_has_no_such_number() -> None:
    """No edge keeps operators out, and one that has left has its place again; plain text tells nobody apart."""
    with Door(socket.socket(), most=8, most_of_one=2) as door:
        assert [door.known(number, b"cam") for number in (3, 4, 5)] == [True, True, False]
        assert door.known(6, b"boss")
        door.left(5)
        door.left(4)
        assert door.known(7, b"cam")
        assert all(door.known(number, None) for number in (8, 9, 10))
