"""Certificates that say less than they must, and keys that are kept with a passphrase, are refused in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from joulecut_core.errors import AccessError, ConfigError
from joulecut_proto.security.certificates import current_identity, hosts_of, identity_of, issued_by, wrong_use
from joulecut_proto.security.key_pairs import read_key_pair
from tests.fakes.certificates import TestAuthority, of_unknown_curve

DAMAGED = b"\x30\x03\x82\x05a"


def certificate(extensions: Sequence[x509.ExtensionType] = ()) -> x509.Certificate:
    """One that has these extensions and nothing else."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), dt.datetime.now(dt.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(hours=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize(
    "extensions",
    [
        pytest.param((), id="none"),
        pytest.param(
            [
                x509.UnrecognizedExtension(kind, DAMAGED)
                for kind in (ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.EXTENDED_KEY_USAGE)
            ],
            id="damaged",
        ),
    ],
)
def test_a_certificate_without_names_and_uses_that_can_be_read_is_nobodys(
    extensions: Sequence[x509.ExtensionType],
) -> None:
    """TLS itself lets it in; whoever holds it is told that, and nothing breaks."""
    nobodys = certificate(extensions)
    with pytest.raises(AccessError, match="has 0 URI names"):
        identity_of(nobodys)
    with pytest.raises(AccessError, match="has 0 URI names"):
        current_identity(nobodys)
    assert hosts_of(nobodys) == ()
    for serves in (False, True):
        assert "has no extended key usage" in wrong_use(nobodys, serves=serves)


def test_an_authority_whose_key_cannot_be_read_has_signed_nothing(tmp_path: Path) -> None:
    """The next one of the file is looked at all the same."""
    site = TestAuthority(tmp_path)
    leaf = x509.load_pem_x509_certificate(site.issue("edge", "cam").certificate.read_bytes())
    whole = site.path.read_bytes()
    assert not issued_by(leaf, of_unknown_curve(whole))
    assert issued_by(leaf, of_unknown_curve(whole) + whole)


def test_a_key_with_a_passphrase_is_refused_in_words(tmp_path: Path) -> None:
    """Nobody is there to type it when an agent starts."""
    holder = TestAuthority(tmp_path).issue("edge", "cam")
    key = serialization.load_pem_private_key(holder.key.read_bytes(), None)
    kept = serialization.BestAvailableEncryption(b"secret")
    holder.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept),
    )
    with pytest.raises(ConfigError, match="in PEM without a passphrase"):
        read_key_pair(holder.certificate, holder.key)
