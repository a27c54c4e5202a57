"""What a certificate says: who, for which hosts, from when until when, by whom."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from joulecut_core.errors import AccessError, ConfigError
from joulecut_proto.security.identity import Identity, Role, only_identity
from joulecut_proto.security.key_pairs import UNREADABLE, read_authority, read_key_pair, wrong_dates
from joulecut_proto.security.tls_options import TlsOptions

if TYPE_CHECKING:
    from joulecut_proto.security.channel_security import ChannelSecurity

_SERVING, _CALLING = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def own_identity(security: ChannelSecurity, role: Role) -> Identity:
    """Who this side is by its own certificate; raises ConfigError where that has no identity or another role."""
    if security.certificate is None or security.key is None:
        raise ConfigError("TLS: no certificate and key; give both files")
    try:
        leaf = read_key_pair(security.certificate, security.key).leaf
        identity = identity_of(leaf)
    except AccessError as error:
        raise ConfigError(f"TLS certificate {security.certificate}: {error}") from error
    if identity.role is not role:
        raise ConfigError(
            f"TLS certificate {security.certificate}: is {identity}; expected one of role {role.value}, "
            f"as `joulecut pki issue {role.value}` makes"
        )
    wrong = wrong_use(leaf, serves=role is Role.SERVER)
    if wrong:
        raise ConfigError(f"TLS certificate {security.certificate}: {wrong}")
    return identity


def identity_of(certificate: x509.Certificate) -> Identity:
    """The identity in a certificate; raises AccessError where it has none, or several."""
    names = _names(certificate)
    return only_identity([] if names is None else names.get_values_for_type(x509.UniformResourceIdentifier))


def other_holder(certificate: x509.Certificate, former: x509.Certificate) -> str:
    """What is wrong with a certificate in the place of another role's or site's; empty where nothing is, or unknown."""
    try:
        before, after = identity_of(former), identity_of(certificate)
    except AccessError:
        return ""
    if (after.role, after.site) == (before.role, before.site):
        return ""
    return f"is of {after}, the one before of {before}: a mix-up of files? Another site takes a restart"


def wrong_use(certificate: x509.Certificate, *, serves: bool) -> str:
    """What is wrong with a certificate for who serves, or for who calls; empty where its extended key usage says that.

    TLS itself takes one that says nothing for both.
    """
    use, name = (_SERVING, "serverAuth") if serves else (_CALLING, "clientAuth")
    try:
        if use in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value:
            return ""
    except (x509.ExtensionNotFound, *UNREADABLE):
        # What cannot be read is as good as none.
        pass
    return f"has no extended key usage {name}; have it issued by `joulecut pki`, or with that usage"


def current_identity(certificate: x509.Certificate) -> Identity:
    """A caller's identity; raises AccessError where its certificate is not valid now, or not for calling.

    It also raises as `identity_of`. TLS looks at no dates where a session is resumed, and connections last: for each
    call, not each handshake.
    """
    identity = identity_of(certificate)
    wrong = wrong_dates(certificate) or wrong_use(certificate, serves=False)
    if wrong:
        raise AccessError(f"the certificate of {identity} {wrong}")
    return identity


def hosts_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Host names and addresses that a certificate is for, in words: an address that is written as a name opens none."""
    names = _names(certificate)
    if names is None:
        return ()
    hosts = map(_in_words, names.get_values_for_type(x509.DNSName))
    return (*hosts, *map(str, names.get_values_for_type(x509.IPAddress)))


def _in_words(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"{host} (as a host name, not as an address)"


def expiry_of(tls: TlsOptions) -> float:
    """Seconds from 1970 to the expiry of an agent's certificate, as its file is now; raises ConfigError without one."""
    return read_key_pair(Path(tls.certificate), Path(tls.key)).leaf.not_valid_after_utc.timestamp()


def wrong_files(tls: TlsOptions, role: Role) -> str:
    """Why new connections cannot use an agent's files as they are now; empty where they can."""
    certificate, key = Path(tls.certificate), Path(tls.key)
    try:
        read_authority(Path(tls.authority))
        leaf = read_key_pair(certificate, key).leaf
        identity = identity_of(leaf)
        wrong = wrong_dates(leaf) or wrong_use(leaf, serves=role is Role.SERVER)
    except (AccessError, ConfigError) as error:
        return str(error)
    if identity.role is not role:
        return f"TLS certificate {certificate}: is {identity}; expected one of role {role.value}"
    return wrong and f"TLS certificate {certificate}: {wrong}"


def issued_by(certificate: x509.Certificate, authorities: bytes) -> bool:
    """True where one of the authorities, PEM, signed the certificate itself."""
    for authority in x509.load_pem_x509_certificates(authorities):
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, TypeError, *UNREADABLE):
            continue
        return True
    return False


def _names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        # Names that cannot be read are as good as none.
        return None
