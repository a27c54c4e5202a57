"""Certificates of a test's own site: right ones, and every wrong one that somebody might present."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from joulecut_proto.security.channel_security import ChannelSecurity

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Files of one certificate."""

    authority: Path
    certificate: Path
    key: Path

    @property
    def security(self) -> ChannelSecurity:
        """As an agent is told of them."""
        return ChannelSecurity(authority=self.authority, certificate=self.certificate, key=self.key)


class TestAuthority:
    """A certificate authority in a folder; what it issues lies there too."""

    __test__ = False

    def __init__(self, folder: Path, site: str = "lab") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.site = site
        self.path = folder / f"{site}-authority.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{site} authority")])
        now = dt.datetime.now(dt.timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * _DAY)
            .not_valid_after(now + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        role: str,
        name: str,
        *,
        uris: Sequence[str] | None = None,
        hosts: Sequence[str | x509.GeneralName] = ("localhost", "127.0.0.1"),
        usages: Sequence[x509.ObjectIdentifier] | None = None,
        from_days: float = -1.0,
        to_days: float = 1.0,
        file: str | None = None,
    ) -> Holder:
        """A certificate of `role` and `name`, valid between two moments counted from now.

        `uris`: names in place of the one that role and name make; `usages`: extended ones in place of the role's, none
        at all where it is empty; `file`: what its files are called.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        serving = ExtendedKeyUsageOID.SERVER_AUTH
        calling = ExtendedKeyUsageOID.CLIENT_AUTH
        if usages is None:
            usages = {"server": [serving], "proxy": [serving, calling]}.get(role, [calling])
        names = [f"spiffe://{self.site}/{role}/{name}"] if uris is None else uris
        now = dt.datetime.now(dt.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + from_days * _DAY)
            .not_valid_after(now + to_days * _DAY)
            .add_extension(
                x509.SubjectAlternativeName(
                    [*map(x509.UniformResourceIdentifier, names), *(_general_name(host) for host in hosts)]
                ),
                critical=False,
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        base = file or f"{self.site}-{role}-{name}"
        holder = Holder(authority=self.path, certificate=self.folder / f"{base}.pem", key=self.folder / f"{base}.key")
        holder.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        holder.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return holder


def of_unknown_curve(pem: bytes) -> bytes:
    """A certificate, request or key on P-256, damaged: its curve is one that nobody knows."""
    return _changed(pem, bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03010f"))


def of_unknown_version(pem: bytes) -> bytes:
    """A certificate, damaged: of a version that there is none of."""
    return _changed(pem, bytes.fromhex("a003020102"), bytes.fromhex("a003020103"))


def _changed(pem: bytes, before: bytes, after: bytes) -> bytes:
    first, *body, last = pem.strip().splitlines()
    content = base64.b64decode(b"".join(body)).replace(before, after)
    return b"\n".join((first, base64.encodebytes(content).strip(), last, b""))


def _general_name(host: str | x509.GeneralName) -> x509.GeneralName:
    if isinstance(host, x509.GeneralName):
        return host
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
