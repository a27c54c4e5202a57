"""Where an application may reach an edge-agent: what it sends there goes in plain text."""

from __future__ import annotations

from joulecut_core.argument_types import expect_type
from joulecut_proto.addresses import Address, parse_address
from joulecut_proto.security.plain_text import check_plain_text
from joulecut_proto.usual_address import place_to_reach

WHERE_AGENTS_LISTEN = '"unix:/run/joulecut/edge.sock" or "host:port", as the edge-agent\'s configuration names it'
"""What an address looks like, for whoever gave something else."""

_REMEDY = (
    "run the application on the edge's host or, on a network you trust, give insecure=True (`joulecut run --insecure`)"
)


def place_of(address: str, *, insecure: bool) -> Address:
    """The edge-agent's address; where nobody listens at the usual one, that of an agent started by hand.

    Raises ConfigError where it is malformed, or another host's and nobody allowed that.
    """
    expect_type("address", address, str, WHERE_AGENTS_LISTEN)
    place = parse_address(place_to_reach(address))
    check_plain_text(place, insecure=insecure, remedy=_REMEDY)
    return place
