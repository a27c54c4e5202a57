"""Where connections without TLS are in order: on this host, or where somebody has said so."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from enum import Enum
from typing import Any

from joulecut_core.errors import ConfigError
from joulecut_proto.addresses import Address, listening_places

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
    return _reach(found)


def check_plain_text(address: Address, *, insecure: bool, remedy: str = REMEDY) -> None:
    """Raise ConfigError, with the remedy, where `address` reaches beyond this host and nobody allowed that."""
    if not insecure and reach_of(address) is Reach.BEYOND:
        raise _beyond(address, remedy)


def check_plain_listening(address: Address, *, insecure: bool) -> None:
    """The same of an address to listen at, where a name that cannot be resolved yet is not let pass.

    Other hosts may reach it by the time that somebody listens there. Raises LinkError for it, ConfigError for one
    that never is a name.
    """
    if not insecure and address.path is None and _reach(listening_places(address)) is Reach.BEYOND:
        raise _beyond(address, REMEDY)


def _reach(found: Iterable[tuple[Any, ...]]) -> Reach:
    # A name may have addresses of several kinds, and any of them may be taken.
    here = all(ipaddress.ip_address(str(place[0]).partition("%")[0]).is_loopback for *_, place in found)
    return Reach.HOST if here else Reach.BEYOND


def _beyond(address: Address, remedy: str) -> ConfigError:
    return ConfigError(f"address {address}: without TLS only addresses of this host are used; {remedy}")
