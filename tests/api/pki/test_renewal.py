"""Renewal and installation: the holder stays, what does not fit changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from joulecut.pki import Credentials, Names, RenewalOrder, Renewed, Site, install, renew
from joulecut.pki.certificates import identity_of, issued_by, names_of
from joulecut.pki.credentials import read_leaf
from joulecut.pki.keys import key_pem, new_key, read_key, same_key
from joulecut.pki.requests import read_request, request_pem
from joulecut_core.errors import ConfigError
from joulecut_proto.security.identity import Identity, Role
from joulecut_proto.security.key_pairs import read_key_pair
from tests.api.pki.made_up_site import CAMERA, DAY, NOW, REACHED, SERVER, issued, make_site


def pair_fits(folder: Path) -> bool:
    """Whether an agent would take the folder's certificate and key; raises where it would not."""
    return bool(read_key_pair(folder / "certificate.pem", folder / "key.pem"))


def test_the_same_holder_for_as_long_again(tmp_path: Path) -> None:
    """Also after its end; the key stays unless asked otherwise, and always fits."""
    site = make_site(tmp_path)
    folder = issued(site, tmp_path / "server", SERVER)
    key = (folder / "key.pem").read_bytes()
    later = NOW + 100 * DAY
    renewed, certificate = renew(site, folder, RenewalOrder(), now=later)
    assert renewed is Renewed.RENEWED
    assert certificate == read_leaf(folder)
    assert (identity_of(certificate), names_of(certificate)) == (SERVER, REACHED)
    assert certificate.not_valid_after_utc == later + 90 * DAY
    assert (folder / "key.pem").read_bytes() == key
    renew(site, folder, RenewalOrder(fresh_key=True, days=7), now=later)
    assert (folder / "key.pem").read_bytes() != key
    assert read_leaf(folder).not_valid_after_utc == later + 7 * DAY
    assert pair_fits(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["authority.pem", "certificate.pem", "key.pem"]


@pytest.mark.parametrize(("ledger", "expected_days"), [("kept", 60), ("torn", 90), ("lost", 90)])
def test_an_authority_that_ended_shortens_no_certificate_of_the_next(
    tmp_path: Path, ledger: str, expected_days: int
) -> None:
    """What was asked for at first comes back under the new authority; where nobody knows it, what is usual."""
    site = make_site(tmp_path, days=10)
    folder = issued(site, tmp_path / "edge", days=60)
    for _ in range(2):
        assert read_leaf(folder).not_valid_after_utc == NOW + 10 * DAY
        renew(site, folder, RenewalOrder(), now=NOW + 7 * DAY)
    site.add_next(days=3650, now=NOW)
    site.switch_to_next()
    lines = site.folder / "issued.jsonl"
    if ledger == "torn":
        lines.write_text(lines.read_text().replace('"days": 60', '"da'))
    elif ledger == "lost":
        lines.unlink()
    renew(site, folder, RenewalOrder(), now=NOW + 7 * DAY)
    assert read_leaf(folder).not_valid_after_utc == NOW + (7 + expected_days) * DAY


def test_without_a_ledger_a_certificate_itself_tells_for_how_long(tmp_path: Path) -> None:
    """One that did not end with its authority was asked for as many days as it is valid."""
    site = make_site(tmp_path)
    folder = issued(site, tmp_path / "edge", days=60)
    (site.folder / "issued.jsonl").unlink()
    renew(site, folder, RenewalOrder(), now=NOW + 7 * DAY)
    assert read_leaf(folder).not_valid_after_utc == NOW + 67 * DAY


def test_only_what_needs_it(tmp_path: Path) -> None:
    """A timer renews what ends soon, or what an authority that goes has signed; whom to trust is always brought."""
    site = make_site(tmp_path)
    folder = issued(site, tmp_path / "edge")
    order = RenewalOrder(within_days=30)
    before = read_leaf(folder)
    assert renew(site, folder, order, now=NOW + 59 * DAY) == (Renewed.KEPT, before)
    site.add_next(days=3650, now=NOW)
    assert renew(site, folder, order, now=NOW + 59 * DAY) == (Renewed.KEPT, before)
    assert len(x509.load_pem_x509_certificates((folder / "authority.pem").read_bytes())) == 2
    site.switch_to_next()
    renewed, certificate = renew(site, folder, order, now=NOW + 59 * DAY)
    assert renewed is Renewed.RENEWED
    assert issued_by(certificate, site.certificates()) == site.certificates()[0]
    assert renew(site, folder, order, now=NOW + 59 * DAY)[0] is Renewed.KEPT
    assert renew(site, folder, order, now=NOW + 120 * DAY)[0] is Renewed.RENEWED


def test_a_strangers_certificate_is_not_renewed(tmp_path: Path) -> None:
    """Who gets a certificate is not said by a file that anybody can write."""
    site = make_site(tmp_path)
    stranger = issued(make_site(tmp_path / "other"), tmp_path / "edge")
    with pytest.raises(ConfigError, match="is not by an authority of"):
        renew(site, stranger, RenewalOrder(), now=NOW)


def asked(folder: Path, identity: Identity = CAMERA, name: str = "key.pem") -> Path:
    """A key in `folder` and the request of its certificate."""
    folder.mkdir(exist_ok=True)
    key = new_key()
    (folder / name).write_bytes(key_pem(key))
    (folder / "request.pem").write_bytes(request_pem(identity, key))
    return folder / "request.pem"


def answered(site: Site, request: Path, folder: Path, identity: Identity = CAMERA) -> Path:
    """What the authority makes of a request."""
    certificate = site.issue(identity, Names(), read_request(request, identity), days=90, now=NOW)
    Credentials(certificate=certificate, authority_pem=site.trusted_pem()).write_new(folder)
    return folder


def test_a_key_that_never_leaves_its_host(tmp_path: Path) -> None:
    """Request, issue, install; the authority renews without the key, and a new key is asked for in its own way."""
    site = make_site(tmp_path)
    there = answered(site, asked(tmp_path / "edge"), tmp_path / "issued")
    assert not (there / "key.pem").exists()
    install(there, tmp_path / "edge", now=NOW)
    assert pair_fits(tmp_path / "edge")
    renew(site, there, RenewalOrder(), now=NOW + 80 * DAY)
    assert install(there, tmp_path / "edge", now=NOW + 80 * DAY).not_valid_after_utc == NOW + 170 * DAY
    with pytest.raises(ConfigError, match="its key is on another host"):
        renew(site, there, RenewalOrder(fresh_key=True), now=NOW)

    old = read_key(tmp_path / "edge" / "key.pem").public_key()
    again = answered(site, asked(tmp_path / "edge", name="next-key.pem"), tmp_path / "again")
    assert same_key(read_key(tmp_path / "edge" / "key.pem").public_key(), old)
    # A renewal of the key in use may come while the next one's certificate is on its way.
    install(there, tmp_path / "edge", now=NOW)
    assert (tmp_path / "edge" / "next-key.pem").exists()
    install(again, tmp_path / "edge", now=NOW)
    assert pair_fits(tmp_path / "edge")
    assert not same_key(read_key(tmp_path / "edge" / "key.pem").public_key(), old)
    assert not (tmp_path / "edge" / "next-key.pem").exists()


def test_what_is_not_installed(tmp_path: Path) -> None:
    """Another key's, another holder's, an ended or a forged certificate: the folder stays as it is."""
    site = make_site(tmp_path)
    folder = tmp_path / "edge"
    good = answered(site, asked(folder), tmp_path / "good")
    install(good, folder, now=NOW)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other_key = answered(site, asked(tmp_path / "b"), tmp_path / "other-key")
    named = Identity(site="lab", role=Role.EDGE, name="camera-2")
    key = read_key(folder / "key.pem")
    (tmp_path / "b" / "request.pem").write_bytes(request_pem(named, key))
    other_name = answered(site, tmp_path / "b" / "request.pem", tmp_path / "other-name", named)
    stranger = answered(make_site(tmp_path / "x"), asked(tmp_path / "c"), tmp_path / "stranger")
    (stranger / "authority.pem").write_bytes(site.trusted_pem())
    for source, message, now in (
        (other_key, "is not of its key", NOW),
        (other_name, "is of spiffe://lab/edge/camera-2", NOW),
        (stranger, "is not signed by its authority.pem", NOW),
        (good, "ended 2026-08-02", NOW + 100 * DAY),
    ):
        with pytest.raises(ConfigError, match=message):
            install(source, folder, now=now)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def point_of(key: object) -> bytes:
    """A public key as it stands in a request."""
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def test_requests_that_are_refused(tmp_path: Path) -> None:
    """A mix-up of files, a request changed on its way, something else altogether."""
    request = asked(tmp_path / "edge")
    with pytest.raises(ConfigError, match="expected spiffe://lab/server/gpu-box: a mix-up of files"):
        read_request(request, SERVER)
    content = request.read_bytes()
    for damaged in (b"", content[:90], content.replace(b"CERTIFICATE REQUEST", b"SOMETHING")):
        request.write_bytes(damaged)
        with pytest.raises(ConfigError, match="not PEM, damaged, or"):
            read_request(request, CAMERA)
    # Another key in place of the one that signed: somebody wants a certificate for a key that is not theirs.
    asked_for = x509.load_pem_x509_csr(content)
    forged = asked_for.public_bytes(serialization.Encoding.DER).replace(
        point_of(asked_for.public_key()), point_of(new_key().public_key())
    )
    request.write_bytes(x509.load_der_x509_csr(forged).public_bytes(serialization.Encoding.PEM))
    with pytest.raises(ConfigError, match="its signature is not by its key"):
        read_request(request, CAMERA)


def test_keys_that_not_every_reader_knows_are_refused(tmp_path: Path) -> None:
    """Before a certificate is made of them, which no agent could use: on a host's own disk, and in a request."""
    for key, kind in (
        (ec.generate_private_key(ec.SECP521R1()), "secp521r1"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed"),
    ):
        path = tmp_path / "key.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        with pytest.raises(ConfigError, match=f"key.pem: of kind {kind}.*; expected an elliptic-curve key on P-256 or"):
            read_key(path)
        digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, digest)
        path.write_bytes(request.public_bytes(serialization.Encoding.PEM))
        with pytest.raises(ConfigError, match=f"request .*key.pem: of kind {kind}"):
            read_request(path, CAMERA)
