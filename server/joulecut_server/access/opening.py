"""What a server's configuration says of its transport, checked and opened."""

from __future__ import annotations

import logging

from joulecut_core.timing import Clock
from joulecut_proto.addresses import Address
from joulecut_proto.security.certificates import own_identity
from joulecut_proto.security.channel_security import ChannelSecurity, site_security
from joulecut_proto.security.identity import Role
from joulecut_proto.security.key_pairs import read_key_pair, wrong_dates
from joulecut_proto.security.plain_text import check_plain_listening
from joulecut_proto.security.tls_options import ServerTls
from joulecut_server.access.gate import AccessGate
from joulecut_server.access.options import AccessOptions
from joulecut_server.served_network import ServedNetworks

_LOG = logging.getLogger(__name__)


def listening_security(tls: ServerTls | None, place: Address, *, insecure: bool) -> ChannelSecurity | None:
    """What a server presents at `place`; None for plain text, which a Unix socket always has.

    Raises ConfigError where plain text is not in order there, or the files are not those of a server; LinkError where
    a name for plain text cannot be resolved yet. May resolve a name, which takes time.
    """
    if tls is None or place.path is not None:
        check_plain_listening(place, insecure=insecure)
        return None
    security = site_security(tls)
    identity = own_identity(security, Role.SERVER)
    if security.certificate is not None and security.key is not None:
        wrong = wrong_dates(read_key_pair(security.certificate, security.key).leaf)
        if wrong:
            # A host without a battery-backed clock may be wrong about this, and is mended without a restart.
            _LOG.error("no edge will connect: this server's certificate %s %s", security.certificate, wrong)
    _LOG.info("mutual TLS as %s", identity)
    return security


def open_gate(
    tls: ServerTls | None,
    options: AccessOptions | None,
    *,
    security: ChannelSecurity | None,
    networks: ServedNetworks,
    clock: Clock,
) -> AccessGate:
    """The guards of a server that listens with `security`."""
    secured = security is not None
    names = {network.digest: network.name for network in networks}
    return AccessGate(
        clock,
        names.get,
        options=options,
        secured=secured,
        proxies=tls.pinned if tls is not None and secured else (),
        site=None if security is None else own_identity(security, Role.SERVER).site,
    )
