"""Certificate, key and authority files, read whole and found to belong together before anybody uses them.

No message here, nor any log line, has anything of a key's file but its name.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from joulecut_core.errors import ConfigError

UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What is raised at a certificate, request or key that cannot be read: damaged, or of a kind that is not known."""
_LARGEST_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate with those that signed it, as PEM; its key, as PEM; the certificate itself, parsed."""

    chain: bytes
    key: bytes = field(repr=False)
    leaf: x509.Certificate


def read_key_pair(certificate: Path, key: Path) -> KeyPair:
    """The pair in two files; raises ConfigError where one is missing, is not PEM, or does not fit the other."""
    chain, secret = _read_pem(certificate, "certificate"), _read_pem(key, "key")
    leaf = _certificates(chain, certificate, "certificate")[0]
    try:
        private = load_pem_private_key(secret, password=None)
    except (TypeError, *UNREADABLE) as error:
        raise ConfigError(
            f"TLS key {key}: not a whole private key in PEM without a passphrase, or of an unknown kind"
        ) from error
    try:
        public = leaf.public_key()
    except UNREADABLE as error:
        raise ConfigError(
            f"TLS certificate {certificate}: its key cannot be read: {error}; have it reissued"
        ) from error
    if private.public_key() != public:
        raise ConfigError(f"TLS key {key}: not the key of certificate {certificate}; give the two of one pair")
    return KeyPair(chain=chain, key=secret, leaf=leaf)


def read_authority(path: Path) -> bytes:
    """The certificates of authorities in a file, as PEM; raises ConfigError where there are none."""
    content = _read_pem(path, "authority")
    _certificates(content, path, "authority")
    return content


def wrong_dates(certificate: x509.Certificate) -> str:
    """What is wrong with a certificate's dates by this host's clock; empty where nothing is.

    The same words all day: logs tell a reason when it changes.
    """
    now = dt.datetime.now(dt.timezone.utc)
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > last:
        return f"has expired on {last:%Y-%m-%d %H:%M} UTC (this host's clock: {now:%Y-%m-%d}); renew it"
    if now < first:
        return (
            f"is valid from {first:%Y-%m-%d %H:%M} UTC on only (this host's clock: {now:%Y-%m-%d}); "
            "set the clocks of both hosts"
        )
    return ""


def _certificates(content: bytes, path: Path, role: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except UNREADABLE as error:
        raise ConfigError(f"TLS {role} {path}: holds no whole certificate: {error}") from error


def _read_pem(path: Path, role: str) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"TLS {role} {path}: {error.strerror}; give a readable PEM file") from error
    if b"-----BEGIN " not in content or len(content) > _LARGEST_FILE_BYTES:
        raise ConfigError(f"TLS {role} {path}: not PEM; expected a file with a BEGIN line, at most 1 MiB")
    return content
