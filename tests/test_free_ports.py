"""Ports that are kept for whoever is told to listen there."""

from __future__ import annotations

import socket

import pytest

from tests.free_ports import LOOPBACK, free_port


def test_a_port_is_kept_for_who_is_told_of_it() -> None:
    """Nobody listens there before, whoever says so may, and programs that ask for any port get another one."""
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port))
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((LOOPBACK, port))
    for _ in range(2):
        with socket.create_server((LOOPBACK, port)), socket.create_connection((LOOPBACK, port)) as caller:
            assert caller.getpeername() == (LOOPBACK, port)
    assert free_port() != port
