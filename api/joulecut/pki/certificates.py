"""Certificates of agents and of authorities: what stands in them, and how they are read back.

An agent's certificate names it in one URI, `spiffe://<site>/<role>/<name>`, beside the host names and addresses where
it is reached. What the key may be used for follows from the role, so that the certificate of a stolen edge cannot
play the server.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from joulecut.pki.keys import PrivateKey, PublicKey, check_public_key, read_file
from joulecut.pki.names import Names
from joulecut_core.errors import AccessError, ConfigError
from joulecut_proto.security.identity import SCHEME, Identity, Role, only_identity
from joulecut_proto.security.key_pairs import UNREADABLE

BACKDATING = timedelta(minutes=5)
"""Certificates count from this long before they are made: clocks of hosts differ."""
_USES: Mapping[Role, Sequence[ObjectIdentifier]] = {
    Role.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH,),
    Role.EDGE: (ExtendedKeyUsageOID.CLIENT_AUTH,),
    Role.PROXY: (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    # Operators also sign bundles.
    Role.OPERATOR: (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.CODE_SIGNING),
}
_MOST_BYTES = 1 << 20


def agent_certificate(
    identity: Identity,
    names: Names,
    key: PublicKey,
    *,
    issuer: x509.Certificate,
    signer: PrivateKey,
    now: datetime,
    until: datetime,
) -> x509.Certificate:
    """An agent's certificate. Raises ConfigError where a role that is called by name has none."""
    if identity.role in (Role.SERVER, Role.PROXY) and not names:
        raise ConfigError(
            f"{identity}: a {identity.role.value} is called by name; give --host or --ip, as callers write it"
        )
    general: list[x509.GeneralName] = [x509.UniformResourceIdentifier(str(identity))]
    general += [x509.DNSName(host) for host in names.hosts]
    general += [x509.IPAddress(ipaddress.ip_address(address)) for address in names.addresses]
    return (
        _builder(_subject(identity.site, identity.name), issuer.subject, key, signer, now=now, until=until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USES[identity.role]), critical=False)
        .add_extension(x509.SubjectAlternativeName(general), critical=False)
        .sign(signer, hashes.SHA256())
    )


def authority_certificate(site: str, key: PrivateKey, *, now: datetime, until: datetime) -> x509.Certificate:
    """A site's authority, signed by itself: it signs agents' certificates and no further authorities."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:8]
    # Readers look issuers up by name first: two authorities of a site never share one.
    subject = _subject(site, f"joulecut authority {identifier}")
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"{SCHEME}{site}")])
    return (
        _builder(subject, subject, key.public_key(), key, now=now, until=until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Every certificate of a PEM file, at least one. Raises ConfigError."""
    content = read_file(path, "certificate", _MOST_BYTES)
    try:
        found = tuple(x509.load_pem_x509_certificates(content))
        for certificate in found:
            # Read when they are asked for, and by then nobody knows the file.
            _ = certificate.subject, certificate.issuer, certificate.extensions
    except UNREADABLE as error:
        raise ConfigError(
            f"certificate {path}: not PEM, damaged, or of an unknown kind; expected BEGIN CERTIFICATE"
        ) from error
    return found


def certificates_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """PEM, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def public_key_of(certificate: x509.Certificate, source: str) -> PublicKey:
    """Its key. Raises ConfigError naming `source` where it is of a kind that nothing here uses."""
    try:
        key = certificate.public_key()
    except UNREADABLE as error:
        raise ConfigError(f"{source}: its key cannot be read: {error}; have it reissued") from error
    return check_public_key(key, source)


def identity_of(certificate: x509.Certificate) -> Identity:
    """Who it names. Raises ConfigError where it carries no URI of that form, or several."""
    try:
        return only_identity(alternative_names(certificate, x509.UniformResourceIdentifier))
    except AccessError as error:
        raise ConfigError(str(error)) from error


def names_of(certificate: x509.Certificate) -> Names:
    """Where it says that its holder is reached; raises ConfigError for what nothing here issues, as wildcards."""
    return Names(
        hosts=alternative_names(certificate, x509.DNSName), addresses=alternative_names(certificate, x509.IPAddress)
    )


def alternative_names(certificate: x509.Certificate, kind: type[x509.GeneralName]) -> tuple[str, ...]:
    """The subject's alternative names of one kind, as text, in order."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in found if isinstance(name, kind))


def issued_by(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """The one among `authorities` that signed it; None where none did. Says nothing about validity in time."""
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except Exception:  # noqa: BLE001, S112 - ValueError, TypeError or InvalidSignature: all say that it did not
            continue
        return authority
    return None


def _subject(site: str, name: str) -> x509.Name:
    longest = 64
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, site[:longest]),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:longest]),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, signer: PrivateKey, *, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATING)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
