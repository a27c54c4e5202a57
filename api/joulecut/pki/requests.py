"""Certificate requests: the key stays on its host, and only its public half travels to the authority."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from joulecut.pki.keys import PrivateKey, PublicKey, check_public_key, read_file
from joulecut_core.errors import ConfigError
from joulecut_proto.security.identity import Identity
from joulecut_proto.security.key_pairs import UNREADABLE

_MOST_BYTES = 1 << 16
_SHOWN = 80


def request_pem(identity: Identity, key: PrivateKey) -> bytes:
    """A request for `identity`, signed by its key. Host names are the issuer's to give."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.name[:64])]))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(str(identity))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def read_request(path: Path, identity: Identity) -> PublicKey:
    """The key of a request for `identity`. Raises ConfigError where it is damaged, forged, or for somebody else.

    Nothing else is taken from the request: who gets a certificate is said by whoever issues it.
    """
    content = read_file(path, "request", _MOST_BYTES)
    try:
        request = x509.load_pem_x509_csr(content)
        fits, wanted_by_it = request.is_signature_valid, _uris(request)
    except UNREADABLE as error:
        raise ConfigError(
            f"request {path}: not PEM, damaged, or of an unknown kind; expected one of `joulecut pki request`"
        ) from error
    if not fits:
        raise ConfigError(f"request {path}: its signature is not by its key; make it again with `pki request`")
    for wanted in wanted_by_it:
        if wanted != str(identity):
            raise ConfigError(f"request {path}: is for {wanted[:_SHOWN]!r}; expected {identity}: a mix-up of files?")
    return check_public_key(request.public_key(), f"request {path}")


def _uris(request: x509.CertificateSigningRequest) -> list[str]:
    try:
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return found.get_values_for_type(x509.UniformResourceIdentifier)
