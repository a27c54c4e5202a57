"""Certificates of a channel: TLS for either side, mutual where both present one, replaced without a restart.

A server's files are read again as connections come, a client's with each new channel. Connections that stand are
not touched: the server's longest age of a connection ends them (`channels`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

import grpc
from cryptography import x509

from joulecut_core.documents import FileState, file_state
from joulecut_core.errors import ConfigError
from joulecut_proto.security.certificates import other_holder, wrong_use
from joulecut_proto.security.key_pairs import KeyPair, read_authority, read_key_pair, wrong_dates
from joulecut_proto.security.tls_options import TlsOptions

_LOG = logging.getLogger(__name__)
_AGAIN_S = 1.0
"""Wall seconds after which files that could not be used are read again, by the next connection."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSecurity:
    """PEM files of one side.

    A server needs `certificate` and `key`; with `authority` it also demands client certificates
    signed by it. A client needs `authority`, the certificate authority it trusts; with
    `certificate` and `key` it identifies itself.
    """

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("TLS: certificate and key go together; give both files or neither")
        if self.authority is None and self.certificate is None:
            raise ConfigError("TLS: no files given; give authority, or certificate and key, or leave TLS out")

    @property
    def files(self) -> tuple[Path, ...]:
        """The files there are."""
        return tuple(path for path in (self.authority, self.certificate, self.key) if path is not None)

    def state(self) -> tuple[FileState | None, ...]:
        """Changes whenever one of the files does; None for one that is not there now."""
        return tuple(map(file_state, self.files))


def site_security(options: TlsOptions) -> ChannelSecurity:
    """As a `[tls]` table says: both sides show certificates of the same authority."""
    return ChannelSecurity(
        authority=Path(options.authority), certificate=Path(options.certificate), key=Path(options.key)
    )


def server_credentials(security: ChannelSecurity) -> grpc.ServerCredentials:
    """What a server presents and demands, read anew for the first connection after a file has changed.

    Raises ConfigError where a file is missing, not PEM, or of another pair. Later such files are refused: the ones
    before them stay in use, the log says so once, and they are tried again.
    """

    def configuration(pair: KeyPair) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(pair.key, pair.chain)],
            root_certificates=None if security.authority is None else read_authority(security.authority),
        )

    files = FreshFiles(security, configuration)
    return grpc.dynamic_ssl_server_credentials(
        files.first,
        # None means "as before", which the library's types leave out.
        cast("Callable[[], grpc.ServerCertificateConfiguration]", files.changed),
        require_client_authentication=security.authority is not None,
    )


def channel_credentials(security: ChannelSecurity) -> grpc.ChannelCredentials:
    """What a client trusts and presents, as the files are now.

    Raises ConfigError where a file is missing, not PEM, or of another pair.
    """
    if security.authority is None:
        raise ConfigError("TLS: a client needs authority, the certificate authority that signed the server's")
    pair = _pair(security)
    return grpc.ssl_channel_credentials(
        root_certificates=read_authority(security.authority),
        private_key=None if pair is None else pair.key,
        certificate_chain=None if pair is None else pair.chain,
    )


class FreshFiles(Generic[T]):
    """What is made of a server's files, anew once they have changed. Asked with each connection, one call at a time."""

    def __init__(
        self,
        security: ChannelSecurity,
        make: Callable[[KeyPair], T],
        *,
        of: str = "",
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make`: raises ConfigError where it cannot use a pair. `of`: what the log calls whose files they are.

        Raises ConfigError where the files cannot be used now.
        """
        self._security = security
        self._make = make
        self._of = of
        self._now_s = now_s
        # Before the files: one that changes meanwhile is then read once more, not missed.
        self._taken = security.state()
        self.first, self._leaf = self._read()
        self._told: tuple[object, type[BaseException | None]] | None = None
        self._again_s = 0.0

    def changed(self) -> T | None:
        """What to use from now on; None: as before."""
        seen = self._security.state()
        now_s = self._now_s()
        if seen == self._taken or (self._told is not None and seen == self._told[0] and now_s < self._again_s):
            return None
        try:
            made, leaf = self._read()
            wrong = other_holder(leaf, self._leaf) or wrong_use(leaf, serves=True)
            wrong = wrong or ("" if wrong_dates(self._leaf) else wrong_dates(leaf))
            if wrong:
                raise ConfigError(f"TLS certificate {self._security.certificate}: {wrong}")  # noqa: TRY301
        except ConfigError as error:
            # A file need not change before it can be used: it is not valid yet, or no descriptor was left to read it.
            self._again_s = now_s + _AGAIN_S
            why = seen, type(error.__cause__)
            if why != self._told:
                self._told = why
                _LOG.error("%snew certificate files are not used, those before stay in force: %s", self._of, error)
            return None
        self._taken, self._leaf, self._told = seen, leaf, None
        _LOG.info("%scertificate files have changed: new connections use %s", self._of, self._security.certificate)
        return made

    def _read(self) -> tuple[T, x509.Certificate]:
        pair = _pair(self._security)
        if pair is None:
            raise ConfigError("TLS: a server needs certificate and key")
        return self._make(pair), pair.leaf


def _pair(security: ChannelSecurity) -> KeyPair | None:
    if security.certificate is None or security.key is None:
        return None
    return read_key_pair(security.certificate, security.key)
