"""Hosts with ports, as configurations write them."""

from __future__ import annotations

import errno
import re
import socket

from joulecut_core.errors import ConfigError, JoulecutError, LinkError

MAX_PORT = 65535
_PASSING = (errno.EADDRNOTAVAIL, errno.EADDRINUSE, socket.EAI_AGAIN)
_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[A-Za-z0-9_.-]+)):(?P<port>[0-9]{1,5})")


def host_and_port(text: str) -> tuple[str, int] | None:
    """The two in "host:port" or "[ipv6]:port", the port up to 99999 as it stands; None where it is neither."""
    match = _HOST_PORT.fullmatch(text)
    return None if match is None else (match["v6"] or match["host"], int(match["port"]))


def cannot_listen(error: Exception) -> type[JoulecutError]:
    """What to raise where an address cannot be listened at: LinkError where it cannot be now, else ConfigError.

    It may be had once a network is up and names are resolved, or once whoever has it has ended, which is often a moment
    later: a connection out of this host takes any free port for its own end. Who waits for it has to be started again.
    """
    return LinkError if getattr(error, "errno", None) in _PASSING else ConfigError
