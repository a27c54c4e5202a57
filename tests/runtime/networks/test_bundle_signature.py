"""Signatures of bundles: right ones pass, and nobody but a signer can make a right one."""

from __future__ import annotations

import base64
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from cryptography.hazmat.primitives import serialization

from joulecut.pki import Credentials, Names, Site
from joulecut.pki.keys import new_key, read_key
from joulecut_core.errors import BundleError, ConfigError, JoulecutError
from joulecut_proto.security.identity import Identity, Role
from joulecut_runtime.capturing.capture import capture
from joulecut_runtime.networks import signed_network
from joulecut_runtime.networks.bundle import MANIFEST_FILE, read_bundle, write_bundle
from joulecut_runtime.networks.bundle_signature import (
    SIGNATURE_FILE,
    SignerOptions,
    SigningKey,
    check_signature,
    files_with_signature,
    sign_bundle,
)
from joulecut_runtime.networks.signed_network import load_signed
from tests.networks.small_modules import Skips

signing = pytest.importorskip("model_signing.signing", reason="the extra `sign` is not installed")
hashing = pytest.importorskip("model_signing.hashing", reason="the extra `sign` is not installed")

INPUTS = (torch.ones(1, 3, 8, 8), torch.ones(1, 5))


@pytest.fixture(name="bundle", scope="module")
def _bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("packed") / "bundle"
    write_bundle(capture(Skips(), INPUTS, name="skips"), folder)
    return folder


@pytest.fixture(name="folder")
def _folder(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


def site(folder: Path) -> Site:
    """A new authority."""
    return Site.create(folder, "lab", days=30, now=datetime.now(timezone.utc))


def holder(of: Site, folder: Path, role: Role, name: str = "alice") -> SigningKey:
    """Key and certificate of somebody at a site."""
    key = new_key()
    identity = Identity(site=of.state.site, role=role, name=name)
    names = Names(hosts=("gpu-box",)) if role in (Role.SERVER, Role.PROXY) else Names()
    certificate = of.issue(identity, names, key.public_key(), days=1, now=datetime.now(timezone.utc))
    Credentials(certificate=certificate, authority_pem=of.trusted_pem(), key=key).write_new(folder)
    return SigningKey(key=folder / "key.pem", certificate=folder / "certificate.pem")


def sign_anyway(folder: Path, key: SigningKey) -> None:
    """As a thief of a key does, with the library alone."""
    path = folder / SIGNATURE_FILE
    path.unlink(missing_ok=True)
    hashed = hashing.Config().set_ignored_paths(paths=[SIGNATURE_FILE])
    config = signing.Config().set_hashing_config(hashed)
    config.use_certificate_signer(
        private_key=key.key, signing_certificate=key.certificate, certificate_chain=[key.certificate]
    )
    config.sign(folder, path)


def trusting(of: Site, *signers: str) -> SignerOptions:
    """Options that take a site's operators, or those given."""
    authority = str(of.folder / "authority.pem")
    return SignerOptions(authority=authority, signers=signers) if signers else SignerOptions(authority=authority)


def test_an_operators_signature(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It passes wherever the folder lies and whatever it is called, since a fetched one lies elsewhere."""
    lab = site(tmp_path / "pki")
    sign_bundle(folder, holder(lab, tmp_path / "alice", Role.OPERATOR))
    fetched = tmp_path / ".bundle-x1y2"
    fetched.mkdir()
    for name in files_with_signature(folder):
        shutil.copy(folder / name, fetched / name)
    with caplog.at_level(logging.INFO):
        check_signature(fetched, trusting(lab))
    assert "signed by spiffe://lab/operator/alice" in caplog.text
    check_signature(fetched, trusting(lab, "spiffe://lab/operator/bob", "spiffe://lab/operator/al*"))
    with pytest.raises(BundleError, match=r"signed by spiffe://lab/operator/alice; expected one of spiffe://x/\*/\*"):
        check_signature(fetched, trusting(lab, "spiffe://x/*/*"))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "graph.json").write_bytes((folder / "graph.json").read_bytes() + b" "),
        lambda folder: (folder / "graph.json").unlink(),
        lambda folder: (folder / "more.json").write_text("{}"),
        lambda folder: (folder / "more.json").symlink_to(folder / "graph.json"),
    ],
    ids=["changed", "missing", "added", "linked"],
)
def test_any_change_of_files_is_refused(folder: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    """What was signed is the whole folder."""
    lab = site(tmp_path / "pki")
    sign_bundle(folder, holder(lab, tmp_path / "alice", Role.OPERATOR))
    change(folder)
    with pytest.raises(BundleError, match="its signature is refused"):
        check_signature(folder, trusting(lab))


@pytest.mark.parametrize("other", [Skips, None], ids=["another network", "another name"])
def test_what_is_loaded_is_what_was_signed(
    folder: Path, tmp_path: Path, other: type[Skips] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is exchanged between the look at its signature and the reading is not read."""
    lab = site(tmp_path / "pki")
    sign_bundle(folder, holder(lab, tmp_path / "alice", Role.OPERATOR))
    assert load_signed(folder, trusting(lab)).table.network == "skips"

    def exchange(checked: Path, options: SignerOptions | None) -> str | None:
        signed = check_signature(checked, options)
        graph = read_bundle(folder) if other is None else capture(other(), INPUTS, name="skips")
        write_bundle(replace(graph, name="other") if other is None else graph, folder)
        return signed

    monkeypatch.setattr(signed_network, "check_signature", exchange)
    with pytest.raises(JoulecutError, match=r"manifest\.json is another one than was signed"):
        load_signed(folder, trusting(lab))


def test_a_signature_is_checked_without_room_on_a_disk(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent whose host has no folder for temporary files, or a full one, starts all the same."""
    lab = site(tmp_path / "pki")
    sign_bundle(folder, holder(lab, tmp_path / "alice", Role.OPERATOR))

    def refuse() -> list[str]:
        return []

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", refuse)
    assert check_signature(folder, trusting(lab)) == sha256((folder / MANIFEST_FILE).read_bytes()).hexdigest()


@pytest.mark.parametrize("role", [Role.EDGE, Role.SERVER, Role.PROXY])
def test_agents_do_not_sign(folder: Path, tmp_path: Path, role: Role) -> None:
    """A stolen edge's certificate is of the same authority; it vouches for no bundle, even where its name is taken."""
    lab = site(tmp_path / "pki")
    key = holder(lab, tmp_path / "agent", role)
    (folder / SIGNATURE_FILE).write_text("of somebody before")
    with pytest.raises(
        ConfigError, match=rf"of spiffe://lab/{role.value}/alice, not for signing; expected an operator"
    ):
        sign_bundle(folder, key)
    assert (folder / SIGNATURE_FILE).read_text() == "of somebody before"
    sign_anyway(folder, key)
    with pytest.raises(BundleError, match=rf"signed by spiffe://lab/{role.value}/alice; expected one of"):
        check_signature(folder, trusting(lab))
    with pytest.raises(BundleError, match="whose certificate is not for signing"):
        check_signature(folder, trusting(lab, "spiffe://lab/*/*"))


def test_another_sites_operator_does_not_sign(folder: Path, tmp_path: Path) -> None:
    """The name alone is worth nothing."""
    lab, other = site(tmp_path / "pki"), site(tmp_path / "other")
    sign_bundle(folder, holder(other, tmp_path / "alice", Role.OPERATOR))
    with pytest.raises(BundleError, match="its signature is refused"):
        check_signature(folder, trusting(lab))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the signature's document."""
    path = folder / SIGNATURE_FILE
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_a_borrowed_certificate_does_not_help(folder: Path, tmp_path: Path) -> None:
    """An agent that shows an operator's certificate under one name of the field, and its own under the other."""
    lab = site(tmp_path / "pki")
    sign_bundle(folder, holder(lab, tmp_path / "alice", Role.OPERATOR))
    borrowed = json.loads((folder / SIGNATURE_FILE).read_text())["verificationMaterial"]["x509CertificateChain"]
    sign_anyway(folder, holder(lab, tmp_path / "edge", Role.EDGE))
    right = (folder / SIGNATURE_FILE).read_text()

    def beside(document: dict[str, Any]) -> None:
        material = document["verificationMaterial"]
        material["x509_certificate_chain"] = material["x509CertificateChain"]
        material["x509CertificateChain"] = borrowed

    def deeper(document: dict[str, Any]) -> None:
        first, *_ = document["verificationMaterial"]["x509CertificateChain"]["certificates"]
        first["raw_bytes"], first["rawBytes"] = first["rawBytes"], borrowed["certificates"][0]["rawBytes"]

    def instead(document: dict[str, Any]) -> None:
        document["verificationMaterial"]["x509CertificateChain"] = borrowed

    for change, message in ((beside, "no certificate that names"), (deeper, "no certificate"), (instead, "is refused")):
        (folder / SIGNATURE_FILE).write_text(right)
        edit(folder, change)
        with pytest.raises(BundleError, match=message):
            check_signature(folder, trusting(lab))


def test_a_malformed_certificate_is_refused(folder: Path, tmp_path: Path) -> None:
    """One that names an extension twice, which its parser finds out late and tells in an error of its own."""
    lab = site(tmp_path / "pki")
    sign_bundle(folder, holder(lab, tmp_path / "alice", Role.OPERATOR))

    def doubled(document: dict[str, Any]) -> None:
        first, *_ = document["verificationMaterial"]["x509CertificateChain"]["certificates"]
        content = base64.b64decode(first["rawBytes"])
        key_identifier, extended_usage = b"\x06\x03\x55\x1d\x23", b"\x06\x03\x55\x1d\x25"
        assert key_identifier in content
        assert extended_usage in content
        first["rawBytes"] = base64.b64encode(content.replace(key_identifier, extended_usage)).decode()

    edit(folder, doubled)
    with pytest.raises(BundleError, match="no certificate that names"):
        check_signature(folder, trusting(lab))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"null", b'{"verificationMaterial": {}}', b"\xff" * 9, b"[" * 9999]
)
def test_damaged_signatures_are_refused(folder: Path, tmp_path: Path, content: bytes) -> None:
    """An error that says so, for either kind of signer, never another."""
    lab = site(tmp_path / "pki")
    key = holder(lab, tmp_path / "alice", Role.OPERATOR)
    public = public_key(key, tmp_path / "public.pem")
    (folder / SIGNATURE_FILE).write_bytes(content)
    for options in (trusting(lab), SignerOptions(public_key=str(public))):
        with pytest.raises(BundleError):
            check_signature(folder, options)


def test_a_missing_signature_is_refused_where_one_is_asked_for(folder: Path, tmp_path: Path) -> None:
    """And not where none is."""
    with pytest.raises(BundleError, match="asks for a signature"):
        check_signature(folder, trusting(site(tmp_path / "pki")))
    check_signature(folder, None)
    assert SIGNATURE_FILE not in files_with_signature(folder)
    (folder / SIGNATURE_FILE).write_bytes(b" " * (2 << 20))
    with pytest.raises(BundleError, match="longer than"):
        check_signature(folder, trusting(site(tmp_path / "other")))


def public_key(key: SigningKey, path: Path) -> Path:
    """Its public half in a file."""
    public = read_key(key.key).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, form))
    return path


def test_a_plain_key(folder: Path, tmp_path: Path) -> None:
    """Without certificates: its own signature passes, another key's does not, nor does either for a certified one."""
    lab = site(tmp_path / "pki")
    mine, other = (holder(lab, tmp_path / name, Role.OPERATOR, name) for name in ("mine", "other"))
    public = SignerOptions(public_key=str(public_key(mine, tmp_path / "public.pem")))
    sign_bundle(folder, SigningKey(key=mine.key))
    check_signature(folder, public)
    with pytest.raises(BundleError, match="no certificate that names a signer"):
        check_signature(folder, trusting(lab))
    sign_bundle(folder, SigningKey(key=other.key))
    with pytest.raises(BundleError, match="its signature is refused"):
        check_signature(folder, public)


def test_options_and_keys_that_cannot_be(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither or both kinds of signer, files that are not there or no keys, the extra missing."""
    for authority, key in (("", ""), ("a", "b")):
        with pytest.raises(ConfigError, match="either authority or public_key"):
            SignerOptions(authority=authority, public_key=key)
    junk = tmp_path / "junk.pem"
    junk.write_text("no key")
    (folder / SIGNATURE_FILE).write_text("{}")
    for options in (SignerOptions(public_key=str(junk)), SignerOptions(authority=str(tmp_path / "nowhere"))):
        with pytest.raises(ConfigError, match="cannot be used"):
            check_signature(folder, options)
    with pytest.raises(ConfigError, match="cannot sign"):
        sign_bundle(folder, SigningKey(key=junk))
    for certificate in (junk, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match=f"certificate {certificate}: cannot be read"):
            sign_bundle(folder, SigningKey(key=junk, certificate=certificate))
    monkeypatch.setitem(sys.modules, "model_signing.signing", None)
    with pytest.raises(ConfigError, match=r"pip install 'joulecut\[sign\]'"):
        sign_bundle(folder, SigningKey(key=junk))


def test_a_signature_outlives_one_that_fails(folder: Path, tmp_path: Path) -> None:
    """The key of somebody else, or none at all: what was signed before is still signed."""
    lab = site(tmp_path / "pki")
    alice, bob = (holder(lab, tmp_path / name, Role.OPERATOR, name) for name in ("alice", "bob"))
    sign_bundle(folder, alice)
    junk = tmp_path / "junk.pem"
    junk.write_text("no key")
    for key in (bob.key, junk):
        with pytest.raises(ConfigError, match="cannot sign"):
            sign_bundle(folder, SigningKey(key=key, certificate=alice.certificate))
        check_signature(folder, trusting(lab))


def test_what_no_agent_fetches_is_not_signed(folder: Path, tmp_path: Path) -> None:
    """A signature over a file that servers do not send fits on no edge that fetches the bundle."""
    key = holder(site(tmp_path / "pki"), tmp_path / "alice", Role.OPERATOR)
    (folder / "README.md").write_text("of last week")
    with pytest.raises(BundleError, match=r"holds README\.md too, .*; move the rest elsewhere, then sign"):
        sign_bundle(folder, key)
    assert not (folder / SIGNATURE_FILE).exists()


def test_pipes_and_links_are_no_signatures(folder: Path, tmp_path: Path) -> None:
    """A pipe is refused without waiting for who writes to it; either is replaced by the next signature."""
    lab = site(tmp_path / "pki")
    other = tmp_path / "other.sig"
    other.write_text("of another bundle")
    os.mkfifo(folder / SIGNATURE_FILE)
    with pytest.raises(BundleError, match="is no regular file; expected a signature"):
        check_signature(folder, trusting(lab))
    alice = holder(lab, tmp_path / "alice", Role.OPERATOR)
    sign_bundle(folder, alice)
    check_signature(folder, trusting(lab))
    (folder / SIGNATURE_FILE).unlink()
    (folder / SIGNATURE_FILE).symlink_to(other)
    sign_bundle(folder, alice)
    check_signature(folder, trusting(lab))
    assert other.read_text() == "of another bundle"
