"""A TLS handshake of its own beside gRPC's, to learn what gRPC keeps to itself.

To gRPC's caller every failed handshake is UNAVAILABLE, as is a server that is switched off; and a channel never says
whose certificate it was shown. Here the same handshake is made once by the standard library: it says why it fails, or
who answered.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from joulecut_core.errors import AccessError, ConfigError, LinkError
from joulecut_core.side_threads import aside
from joulecut_core.time_limits import within
from joulecut_proto.addresses import Address, parse_address
from joulecut_proto.first_connection import Way, first_connected
from joulecut_proto.security.certificates import hosts_of, identity_of, issued_by, wrong_use
from joulecut_proto.security.channel_security import ChannelSecurity
from joulecut_proto.security.identity import Identity
from joulecut_proto.security.key_pairs import UNREADABLE, KeyPair, read_authority, read_key_pair, wrong_dates

_FRAME_BYTES = 9
"""A server that takes the connection begins with HTTP/2's settings: the length of a frame's head."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
"""How a client begins, with settings that say nothing. gRPC's servers speak first, proxies wait for this (RFC 9113,
3.4)."""

# Numbers of OpenSSL's X509_V_ERR_*.
_NOT_YET_VALID, _EXPIRED, _WRONG_PURPOSE = 9, 10, 26
_UNKNOWN_AUTHORITY = frozenset({2, 7, 18, 19, 20, 21})
_OTHER_HOST = frozenset({62, 64})

_NO_WAY = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})
"""Said by this host's own network, or a router: whoever should listen there was not asked."""


async def peer_identity(
    address: str, security: ChannelSecurity, timeout_s: float, *, server_name: str = ""
) -> Identity:
    """Who answers at `address`, its certificate verified as gRPC does.

    `timeout_s`: wall seconds for each step: to resolve the name, to connect to each of its addresses, which are begun a
    moment apart, and two more. `server_name`: as for `open_channel`. Raises LinkError saying what is wrong where no TLS
    connection comes about, AccessError where the certificate is no identity, ConfigError where this side's files cannot
    be used.
    """
    place = parse_address(address)
    if place.path is not None:
        raise ConfigError(f"address {address}: Unix sockets have no TLS; expected host:port")
    # No certificate names the interface of this host by which a link-local address is reached.
    name = server_name or place.host.partition("%")[0]
    attempt = _Attempt(
        place=place, ways=await _ways_to(place, timeout_s), name=name, security=security, timeout_s=timeout_s
    )
    # A thread of its own: hosts that say nothing must not keep those from their turn that do.
    return await aside(attempt.identity, f"handshake with {place}")


async def _ways_to(place: Address, timeout_s: float) -> Sequence[Way]:
    """What the resolver knows of a host, which it may be asked for half a minute where nobody answers it."""
    try:
        return await within(
            aside(lambda: socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM), f"resolving {place}"),
            timeout_s,
        )
    except asyncio.TimeoutError as error:
        raise LinkError(
            f"{place}: no resolver has answered within {timeout_s:g} s; check this host's network and resolver"
        ) from error
    except (OSError, UnicodeError) as error:
        interface = place.host.partition("%")[2]
        if interface and interface not in {name for _, name in socket.if_nameindex()}:
            raise LinkError(f"{place}: this host has no interface {interface!r} now; check its network") from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise LinkError(f"{place}: unknown host ({reason}); check the name and the resolver") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One handshake. Blocks: for a thread of its own."""

    place: Address
    ways: Sequence[Way]
    name: str
    security: ChannelSecurity
    timeout_s: float

    def identity(self) -> Identity:
        pair = self._own_pair()
        context = self._context()
        try:
            with self._connected() as raw, context.wrap_socket(raw, server_hostname=self.name) as connection:
                certificate = _leaf(connection)
                if connection.selected_alpn_protocol() != "h2":
                    raise self._failure("speaks TLS but not HTTP/2; check the port")
                taken = _greeted(connection)
        except ssl.SSLCertVerificationError as error:
            raise self._failure(self._distrust(error)) from error
        except ssl.SSLError as error:
            raise self._failure(_no_tls(error)) from error
        except TimeoutError as error:
            raise self._failure("accepts connections but does not answer the TLS handshake in time") from error
        except OSError as error:
            raise self._failure(f"ends the connection within the TLS handshake ({error})") from error
        if not taken:
            raise self._failure(self._refused(pair))
        try:
            identity = identity_of(certificate)
        except AccessError as error:
            raise AccessError(f"{self.place}: {error}") from error
        wrong = wrong_use(certificate, serves=True)
        if wrong:
            raise AccessError(f"{self.place}: the certificate of {identity} {wrong}")
        return identity

    def _failure(self, text: str) -> LinkError:
        return LinkError(f"{self.place}: {text}")

    def _connected(self) -> socket.socket:
        try:
            return first_connected(self.ways, self.timeout_s)
        except TimeoutError as error:
            raise self._failure("no answer; check that the host is up and no firewall stands between") from error
        except OSError as error:
            if error.errno == errno.EINVAL and _lacks_interface(self.place.host):
                raise self._failure(
                    "a link-local address lacks the interface that leads to it; "
                    "add this host's, as in [fe80::1%eth0]:50551"
                ) from error
            if error.errno in _NO_WAY:
                raise self._failure(
                    f"no way there from this host ({error.strerror}); check its network and route, and the address"
                ) from error
            raise self._failure(f"nobody listens there ({error.strerror}); check address and port") from error

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2"])
        authority = self.security.authority
        if authority is None:
            raise ConfigError("TLS: a client needs authority, the certificate authority that signed the server's")
        # An authority below the root may stand in the file, as gRPC takes it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            # Comments between certificates may be in any language.
            context.load_verify_locations(cadata=read_authority(authority).decode("ascii", "ignore"))
            if self.security.certificate is not None:
                context.load_cert_chain(self.security.certificate, self.security.key)
        except OSError as error:
            raise ConfigError(
                f"TLS: the system's TLS library refuses {authority} or this side's pair: {error}"
            ) from error
        return context

    def _own_pair(self) -> KeyPair | None:
        """What this side presents; raises LinkError where it can only be refused for its dates."""
        if self.security.certificate is None or self.security.key is None:
            return None
        pair = read_key_pair(self.security.certificate, self.security.key)
        wrong = wrong_dates(pair.leaf)
        if wrong:
            raise self._failure(f"cannot be joined: this side's certificate {self.security.certificate} {wrong}")
        return pair

    def _distrust(self, error: ssl.SSLCertVerificationError) -> str:
        """Why this side does not take the server's certificate."""
        if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
            shown = self._shown()
            dates = "is out of date" if shown is None else wrong_dates(shown)
            return f"its certificate {dates or 'was signed by one that is out of date'}"
        if error.verify_code in _UNKNOWN_AUTHORITY:
            return (
                f"its certificate was signed by an authority that is not in {self.security.authority}; "
                "check that both sides are of one site"
            )
        if error.verify_code in _OTHER_HOST:
            return (
                f"its certificate is for other hosts than {self.name!r}{self._hosts()}; use one of these, or reissue it"
            )
        if error.verify_code == _WRONG_PURPOSE:
            return "its certificate may not be a server's; it must be issued for the role server"
        return f"its certificate is refused: {error.verify_message}"

    def _shown(self) -> x509.Certificate | None:
        """The certificate that the server shows, whatever it is worth."""
        context = self._context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with self._connected() as raw, context.wrap_socket(raw, server_hostname=self.name) as connection:
                return _leaf(connection)
        except (OSError, LinkError):
            return None

    def _hosts(self) -> str:
        shown = self._shown()
        return "" if shown is None else f": {', '.join(hosts_of(shown)[:8]) or 'none'}"

    def _refused(self, pair: KeyPair | None) -> str:
        """Why the server does not take this side's certificate, as far as can be seen from here."""
        if pair is None:
            return "wants a certificate and this side has none; give [tls] certificate and key"
        if self.security.authority is not None and not issued_by(pair.leaf, read_authority(self.security.authority)):
            return (
                f"refuses this side's certificate {self.security.certificate}, which was not signed by "
                f"{self.security.authority}; have it issued by the site's authority"
            )
        return (
            f"refuses this side's certificate {self.security.certificate}; "
            "the server's authority or clock may be another: `joulecut doctor` on its host tells both"
        )


def _greeted(connection: ssl.SSLSocket) -> bool:
    """True where the server goes on after it has seen this side's certificate: TLS 1.3 has no other answer to it."""
    try:
        connection.sendall(_PREFACE)
        return len(connection.recv(_FRAME_BYTES)) > 0
    except TimeoutError:
        raise
    except OSError:
        # An alert, or a reset.
        return False


def _lacks_interface(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).is_link_local and "%" not in host
    except ValueError:
        return False


def _leaf(connection: ssl.SSLSocket) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    except UNREADABLE as error:
        raise LinkError(f"a TLS server's certificate cannot be read: {error}; reissue it") from error


def _no_tls(error: ssl.SSLError) -> str:
    if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return "speaks plain text, not TLS; start that server with [tls], or check the port"
    return f"the TLS handshake fails ({error.reason or error})"
