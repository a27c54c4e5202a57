"""How this edge reaches servers: with its certificates, or in plain text where that stays on this host."""

from __future__ import annotations

import asyncio

from joulecut_core.errors import AccessError, LinkError
from joulecut_core.side_threads import aside
from joulecut_core.time_limits import within
from joulecut_proto.addresses import parse_address
from joulecut_proto.security.certificates import own_identity
from joulecut_proto.security.channel_security import ChannelSecurity, site_security
from joulecut_proto.security.handshake import peer_identity
from joulecut_proto.security.identity import SCHEME, Identity, Role
from joulecut_proto.security.plain_text import REMEDY, Reach, check_plain_listening, check_plain_text, reach_of
from joulecut_proto.security.tls_options import EdgeTls

_STEP_S = 3.0


class Transport:
    """The `[tls]` table at work. Raises ConfigError where its files are not those of an edge."""

    def __init__(self, tls: EdgeTls | None = None, *, insecure: bool = False) -> None:
        """`insecure`: plain text to other hosts too, where there is no `tls`."""
        self._insecure = insecure
        self._security = None if tls is None else site_security(tls)
        self._expected = ""
        if tls is not None and self._security is not None:
            identity = own_identity(self._security, Role.EDGE)
            self._expected = tls.server_identity or f"{SCHEME}{identity.site}/"

    def check_configured(self, server: str) -> None:
        """Raise ConfigError, with the remedy, where a server of the configuration may not be used as it is.

        May resolve a name, which takes time; one that cannot be resolved yet is looked at when it is used.
        """
        if self._security is None:
            check_plain_text(parse_address(server), insecure=self._insecure)

    def check_endpoint(self, listen: str) -> None:
        """Raise ConfigError where other hosts could reach this edge's own endpoint, which has no TLS.

        Raises LinkError where its name cannot be resolved yet.
        """
        check_plain_listening(parse_address(listen), insecure=self._insecure)

    async def security(self, address: str) -> ChannelSecurity | None:
        """The certificates for a server at `address`; None for plain text, which a Unix socket always has.

        Raises LinkError, with the remedy, where neither is in order.
        """
        place = parse_address(address)
        if place.path is not None:
            return None
        if self._security is None and not self._insecure:
            try:
                reach = await within(aside(lambda: reach_of(place), f"resolving {place}"), _STEP_S)
            except asyncio.TimeoutError:
                reach = Reach.UNKNOWN
            if reach is Reach.UNKNOWN:
                raise LinkError(f"server {address}: unknown host; check the name and the resolver")
            if reach is Reach.BEYOND:
                raise LinkError(f"server {address}: passed over: without TLS only this host is used; {REMEDY}")
        return self._security

    async def check_server(self, address: str, *, server_name: str = "") -> None:
        """Make sure that who answers with TLS at `address` is a server, or proxy, of the expected identity.

        To be called before an edge tells it anything: gRPC checks authority and host name, but not who the certificate
        says its holder is. `server_name`: as for `open_channel`. Raises LinkError with the reason where no TLS
        connection comes about, AccessError where it is somebody else. Does nothing for plain text.
        """
        security = await self.security(address)
        if security is None:
            return
        identity = await peer_identity(address, security, _STEP_S, server_name=server_name)
        if not self._fits(identity):
            raise AccessError(f"server {address} is {identity}; expected a server or proxy of {self._expected}...")

    def _fits(self, identity: Identity) -> bool:
        return identity.role in (Role.SERVER, Role.PROXY) and str(identity).startswith(self._expected)
