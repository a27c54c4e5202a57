"""Ports for agents that are told where to listen: they come back where they were, or nobody is there yet."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port of loopback's that the system chose, and that nobody else is given until this process ends.

    It stays bound here. Agents set SO_REUSEADDR as this does, and may so listen there; until one does, whoever
    connects is refused.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((LOOPBACK, 0))
        port = int(holder.getsockname()[1])
        holder.detach()
    return port
