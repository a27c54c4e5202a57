"""Where connections without TLS are in order: on this host, or where somebody has said so."""

from __future__ import annotations

import ipaddress
import socket
from enum import Enum

from joulecut_core.errors import ConfigError
from joulecut_proto.addresses import Address

REMEDY = "give [tls] authority, certificate and key (`joulecut pki` makes them), or, on a network you trust, --insecure"


class Reach(str, Enum):
    """How far away an address is."""

    HOST = "host"
    """On this host, under each of the addresses that its name has."""
    BEYOND = "beyond"
    """Other hosts can be there, or come from there."""
    UNKNOWN = "unknown"
    """The name cannot be resolved now."""


def reach_of(address: Address) -> Reach:
    """Whether somebody beyond this host can be at `address`. Takes as long as the system's resolver does."""
    if address.path is not None:
        return Reach.HOST
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Reach.UNKNOWN
    # A name may have addresses of several kinds, and any of them may be taken.
    here = all(ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback for *_, place in found)
    return Reach.HOST if here else Reach.BEYOND


def check_plain_text(address: Address, *, insecure: bool, remedy: str = REMEDY) -> None:
    """Raise ConfigError, with the remedy, where `address` reaches beyond this host and nobody allowed that."""
    if not insecure and reach_of(address) is Reach.BEYOND:
        raise ConfigError(f"address {address}: without TLS only addresses of this host are used; {remedy}")
