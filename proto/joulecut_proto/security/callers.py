"""Who makes a call: read from the connection's certificate, or from what a pinned proxy says of its own caller."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from cryptography import x509

from joulecut_core.errors import AccessError
from joulecut_proto.answering import Context
from joulecut_proto.log_limit import LogLimit
from joulecut_proto.security.certificates import current_identity
from joulecut_proto.security.forwarded import FORWARDED_KEY, forwarded_identity
from joulecut_proto.security.identity import Identity, Role
from joulecut_proto.security.key_pairs import UNREADABLE

_LOG = logging.getLogger(__name__)

_MOST_NAMED = 1000
"""Callers whose forged headers the log names once each."""
_MOST_CERTIFICATES = 4096
"""Kept as read: each call asks for its connection's."""
_IGNORED = f"{FORWARDED_KEY} ignored"
_LINES = LogLimit(_LOG)


class Transport(str, Enum):
    """How a call arrives."""

    PLAIN = "plain"
    """Without TLS: from this host, or from anywhere where the configuration allows that."""
    TLS = "tls"
    """With a certificate of the caller's own."""
    PROXIED = "proxied"
    """Over a proxy's certificate; the identity is what the proxy says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a call. `identity` is None exactly where `transport` is plain."""

    identity: Identity | None
    transport: Transport

    def __str__(self) -> str:
        return "a caller without TLS" if self.identity is None else str(self.identity)


PLAIN_CALLER = Caller(identity=None, transport=Transport.PLAIN)


class Callers:
    """Says who makes a call to a server."""

    def __init__(self, *, secured: bool, proxies: Collection[Identity] = ()) -> None:
        """`secured`: the server demands certificates. `proxies`: those whose word on their callers is taken."""
        self._secured = secured
        self._proxies = frozenset(proxies)
        self._not_believed: set[Identity | None] = set()
        self.arriving: Counter[Hashable] = Counter()
        """Requests on their way, of each caller; kept by `Arriving`."""

    def of(self, context: Context) -> Caller:
        """The caller; raises AccessError where its certificate, or what a proxy says of it, is no identity."""
        forwarded = _texts(context.invocation_metadata() or ())
        if not self._secured:
            self._ignore(forwarded, None)
            return PLAIN_CALLER
        # The certificate itself: gRPC's own list of its names ends each at a NUL.
        peer = current_identity(_read(b"".join((context.auth_context() or {}).get("x509_pem_cert", ()))))
        if peer in self._proxies:
            return Caller(identity=_behind(peer, forwarded), transport=Transport.PROXIED)
        self._ignore(forwarded, peer)
        if peer.role is Role.PROXY:
            raise AccessError(f"{peer} is not among the proxies of this server; list it under [tls] proxies")
        return Caller(identity=peer, transport=Transport.TLS)

    def _ignore(self, forwarded: list[str], peer: Identity | None) -> None:
        if forwarded and peer not in self._not_believed:
            line = ("%s: %s is not a proxy of this server", _IGNORED, peer or "a caller without TLS")
            if len(self._not_believed) < _MOST_NAMED:
                self._not_believed.add(peer)
                _LOG.warning(*line)
            else:
                _LINES.warn(_IGNORED, *line)


@lru_cache(maxsize=_MOST_CERTIFICATES)
def _read(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except UNREADABLE as error:
        raise AccessError(f"the certificate cannot be read: {error}; have it issued by `joulecut pki`") from error


def _behind(proxy: Identity, forwarded: list[str]) -> Identity:
    if len(forwarded) != 1:
        raise AccessError(
            f"proxy {proxy} sent {len(forwarded)} headers {FORWARDED_KEY}; expected one, with its caller's certificate"
        )
    identity = forwarded_identity(forwarded[0])
    if identity.role is Role.PROXY:
        raise AccessError(f"proxy {proxy} forwards for {identity}, another proxy; only one may stand in front")
    return identity


def _texts(metadata: Iterable[tuple[str, str | bytes]]) -> list[str]:
    return [
        value if isinstance(value, str) else value.decode("utf-8", "replace")
        for key, value in metadata
        if key.lower() == FORWARDED_KEY
    ]
