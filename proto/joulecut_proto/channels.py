"""gRPC channels and servers as every part of joulecut opens them: limits, keepalive, TLS, addresses.

Both sides' options are set here together: a server that is not told how often its clients ping
closes their connections (GOAWAY, too_many_pings).
"""

from __future__ import annotations

import asyncio
import logging

import grpc
import grpc.aio

from joulecut_core.errors import ConfigError
from joulecut_proto.addresses import check_free, parse_address
from joulecut_proto.grpc_log import is_worth_a_line
from joulecut_proto.security.channel_security import ChannelSecurity, channel_credentials, server_credentials

_LOG = logging.getLogger(__name__)
_GRPC_LOG = logging.getLogger("grpc._cython.cygrpc")
"""Of its asyncio servers."""

Options = tuple[tuple[str, int], ...]

MESSAGE_LIMIT_BYTES = 64 << 20
"""Largest message, either direction."""
EDGES_LIMIT_BYTES = 16 << 20
"""Largest message to a server of edges, whose parts have 1 MiB and whose echoes have 8. gRPC keeps half of a message
for as long as the other half does not come, on each stream, and tells nobody; it looks at this limit in the end."""
METADATA_LIMIT_BYTES = 16 << 10
"""Most that the headers of one call may have in all."""
MOST_STREAMS = 4096
"""Calls under way on one connection. Far above what an edge needs: gRPC fails calls where a limit is near."""
MOST_UNSEEN = 2 * MOST_STREAMS
"""Calls that have come and that the event loop has not taken up yet, of all connections: those of a full one find room
beside others. gRPC's own bound, from a thousand on, is less than one caller's burst; the loop takes up a thousand and
more in a second."""
OLDEST_CONNECTION_S = 3600.0
"""Under TLS a server ends connections of about this age (gRPC varies it by 10 %), so that everybody shows a valid
certificate again. Edges renew theirs long before."""
_LAST_CALLS_S = 60.0
"""What calls on a connection get to end once it is too old."""
_HANDSHAKE_S = 20.0
"""A connection that has not said by then what it wants is closed."""
_UNREAD_S = 1.0
"""Wall seconds that replies get to leave beyond a stop's grace, once their calls were ended."""

_CONNECT_S = 2.5
"""A connection is given up that has not come about by then: with TLS three round trips, of a satellite 0.6 s each, or
one whose first packet was lost, which is sent again after a second."""

_NOT_PACKED = 1
"""The bit of messages as they are, among those of gRPC's compression algorithms."""

_KEEPALIVE_MS = 10_000
_KEEPALIVE_TIMEOUT_MS = 10_000
"""Longer than a busy host may keep its network thread waiting."""

_RECEIVED = "grpc.max_receive_message_length"
_SHARED: Options = (
    (_RECEIVED, MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    # Without it a keepalive ping is a ping like any other, which gRPC waits a minute for.
    ("grpc.http2.ping_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Calls carry a few names; a proxy adds its caller's certificate.
    ("grpc.max_metadata_size", METADATA_LIMIT_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_LIMIT_BYTES),
)


def channel_options(*, connect_s: float = _CONNECT_S) -> Options:
    """Options of every client channel; `connect_s`: how long a connection may take to come about."""
    return (
        *_SHARED,
        # A restarted server is found again within seconds, not after gRPC's default of up to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 200),
        # Its name tells otherwise: it is how long one attempt may take.
        ("grpc.min_reconnect_backoff_ms", round(1000 * connect_s)),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # Otherwise a channel opened because a connection is dead would share that very connection.
        ("grpc.use_local_subchannel_pool", 1),
        # Agents talk to hosts of their own site; a proxy in the environment is for something else.
        ("grpc.enable_http_proxy", 0),
    )


def server_options(*, secured: bool, limit_bytes: int = MESSAGE_LIMIT_BYTES) -> Options:
    """Options of every server; `secured`: one whose callers show certificates. `limit_bytes`: of a message to it."""
    aging: Options = (
        ("grpc.max_connection_age_ms", round(1000 * OLDEST_CONNECTION_S)),
        ("grpc.max_connection_age_grace_ms", round(1000 * _LAST_CALLS_S)),
    )
    return (
        *(option for option in _SHARED if option[0] != _RECEIVED),
        (_RECEIVED, limit_bytes),
        ("grpc.http2.min_ping_interval_without_data_ms", _KEEPALIVE_MS // 2),
        ("grpc.max_concurrent_streams", MOST_STREAMS),
        # Beyond them gRPC ends calls of anybody, CANCELLED, before this program has seen them.
        ("grpc.server.max_pending_requests", MOST_UNSEEN),
        ("grpc.server.max_pending_requests_hard_limit", MOST_UNSEEN),
        ("grpc.server_handshake_timeout_ms", round(1000 * _HANDSHAKE_S)),
        *(aging if secured else ()),
        # Nobody here packs messages: a thousandth of what they unfold to would have to be sent.
        ("grpc.compression_enabled_algorithms_bitset", _NOT_PACKED),
        # Otherwise a second agent on the same port would share its connections instead of failing.
        ("grpc.so_reuseport", 0),
    )


def open_channel(
    address: str, security: ChannelSecurity | None, *, server_name: str = "", connect_s: float = _CONNECT_S
) -> grpc.aio.Channel:
    """A channel to `host:port` or `unix:/path`; it connects with its first call and again after a loss.

    `security`: None for plain text. `server_name`: the host that the server's certificate must name where that is not
    the address's own, as when a name was resolved by somebody else. `connect_s`: how long a connection may take to come
    about. Raises ConfigError where the address or a TLS file is wrong. The caller closes it.
    """
    target = str(parse_address(address))
    if security is None:
        return grpc.aio.insecure_channel(target, options=channel_options(connect_s=connect_s))
    options: list[tuple[str, int | str]] = [*channel_options(connect_s=connect_s)]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return grpc.aio.secure_channel(target, channel_credentials(security), options=options)


def make_server(
    *,
    maximum_concurrent_rpcs: int | None = None,
    secured: bool,
    limit_bytes: int = MESSAGE_LIMIT_BYTES,
) -> grpc.aio.Server:
    """A server with the project's options, not bound and not started.

    `secured`: it will be bound with TLS. `limit_bytes`: of a message to it.
    """
    _GRPC_LOG.addFilter(is_worth_a_line)
    return grpc.aio.server(
        options=server_options(secured=secured, limit_bytes=limit_bytes),
        maximum_concurrent_rpcs=maximum_concurrent_rpcs,
    )


def bind(server: grpc.aio.Server, address: str, security: ChannelSecurity | None) -> int:
    """Let `server` listen at `address`; the port (for port 0, the one that the system chose).

    `security`: None for plain text. Raises ConfigError, or LinkError, naming the address and the remedy where it is
    taken or cannot be had. For a Unix socket the number returned means nothing.
    """
    place = parse_address(address)
    check_free(place)
    try:
        if security is None:
            return server.add_insecure_port(str(place))
        return server.add_secure_port(str(place), server_credentials(security))
    except RuntimeError as error:
        raise ConfigError(f"address {place}: cannot listen there: {error}; choose another address") from error


async def stop(server: grpc.aio.Server, grace_s: float) -> None:
    """Take no more calls, and let those under way end within `grace_s` wall seconds; what is left then is ended.

    Returns soon after that whatever callers do: gRPC would wait for one that reads nothing for as long as its
    connection lasts, on a Unix socket for ever.
    """
    stopping = asyncio.create_task(server.stop(grace_s))
    await asyncio.wait({stopping}, timeout=grace_s + _UNREAD_S)
    if not stopping.done():
        _LOG.warning("a caller does not read its answers: stopping without it")
