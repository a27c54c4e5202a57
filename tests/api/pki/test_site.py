"""A site's authority: what it issues, what it refuses, and how it is changed without a moment of distrust."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from joulecut.pki import Names, Site
from joulecut.pki.certificates import identity_of, issued_by, names_of
from joulecut.pki.credentials import read_leaf
from joulecut.pki.keys import new_key
from joulecut_core.errors import ConfigError
from joulecut_proto.security.identity import Identity, Role
from tests.api.pki.made_up_site import CAMERA, DAY, NOW, REACHED, SERVER, issued, make_site


def uses(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    """What its key may be used for."""
    return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_server_certificate_stands_before_a_strict_verifier(tmp_path: Path) -> None:
    """An independent verifier of web certificates takes the server's for its host, and no edge's for anything."""
    site = make_site(tmp_path)
    store = Store(list(site.certificates()))
    verifier = PolicyBuilder().store(store).time(NOW + DAY)
    server = read_leaf(issued(site, tmp_path / "server", SERVER))
    verifier.build_server_verifier(x509.DNSName("gpu-box.local")).verify(server, [])
    edge = read_leaf(issued(site, tmp_path / "edge"))
    with pytest.raises(x509.verification.VerificationError):
        verifier.build_server_verifier(x509.DNSName("gpu-box.local")).verify(edge, [])
    # Proof of the client's side: the subject comes back.
    client = verifier.build_client_verifier().verify(edge, [])
    assert [str(name.value) for name in client.subjects or []] == ["spiffe://lab/edge/camera-1"]


def test_what_stands_in_certificates(tmp_path: Path) -> None:
    """Identity, names, time with its allowance for clocks, serial numbers of their own, uses by role."""
    site = make_site(tmp_path)
    server = read_leaf(issued(site, tmp_path / "server", SERVER))
    assert identity_of(server) == SERVER
    assert names_of(server) == REACHED
    assert (server.not_valid_before_utc, server.not_valid_after_utc) == (NOW - DAY / 288, NOW + 90 * DAY)
    roles = {
        role: uses(read_leaf(issued(site, tmp_path / role.value, Identity(site="lab", role=role, name="x"))))
        for role in Role
        if role is not Role.SERVER
    }
    client, serving = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    assert uses(server) == {serving}
    assert roles[Role.EDGE] == {client}
    assert roles[Role.PROXY] == {client, serving}
    assert roles[Role.OPERATOR] == {client, ExtendedKeyUsageOID.CODE_SIGNING}
    lines = [json.loads(line) for line in (site.folder / "issued.jsonl").read_text().splitlines()]
    assert len({line["serial"] for line in lines}) == len(lines) == 4
    assert lines[0]["identity"] == str(SERVER)


def test_the_authority(tmp_path: Path) -> None:
    """It signs agents and no further authorities, names its site, and its key is its owner's alone."""
    site = make_site(tmp_path)
    (certificate,) = site.certificates()
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    key = site.folder / "authorities" / "1" / "key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(site.folder.stat().st_mode) == 0o700
    assert (site.folder / "authority.pem").read_bytes() == site.trusted_pem()
    with pytest.raises(ConfigError, match="holds an authority already"):
        make_site(tmp_path)


def test_what_is_not_issued(tmp_path: Path) -> None:
    """Other sites, servers without a name, impossible times and names, and anything once the authority has ended."""
    site = make_site(tmp_path, days=30)
    key = new_key().public_key()
    for identity, names, days, message in (
        (Identity(site="attic", role=Role.EDGE, name="x"), Names(), 1, "of another site; this authority is of lab"),
        (SERVER, Names(), 1, "a server is called by name; give --host or --ip"),
        (CAMERA, Names(), 0, "--days 0; expected 1 to"),
    ):
        with pytest.raises(ConfigError, match=message):
            site.issue(identity, names, key, days=days, now=NOW)
    # Never valid for longer than who vouches for it.
    assert site.issue(CAMERA, Names(), key, days=90, now=NOW).not_valid_after_utc == NOW + 30 * DAY
    with pytest.raises(ConfigError, match="the authority ended 2026-06-03; run `pki rotate-authority`"):
        site.issue(CAMERA, Names(), key, days=1, now=NOW + 31 * DAY)
    with pytest.raises(ConfigError, match="no authority here"):
        Site(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="site 'Lab!'; expected"):
        make_site(tmp_path / "other", "Lab!")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "host", ["*.local", "gpu box", "gpu:50551", "-a", "a..b", "x" * 254, "spiffe://lab", "10.0.0.1"]
)
def test_names_that_cannot_be(host: str) -> None:
    """Wildcards, ports and the like are refused before a certificate says them."""
    with pytest.raises(ConfigError):
        Names(hosts=(host,))
    with pytest.raises(ConfigError):
        Names(addresses=(f"{host}/8",))


def test_a_passphrase_keeps_the_key(tmp_path: Path) -> None:
    """Without it, or with another, nothing is issued; the message quotes neither."""
    Site.create(tmp_path / "pki", "lab", days=10, now=NOW, passphrase=b"correct horse")
    for passphrase, message in ((None, "is encrypted; give --passphrase-file"), (b"wrong one", "passphrase is wrong")):
        with pytest.raises(ConfigError, match=message) as refused:
            issued(Site(tmp_path / "pki", passphrase), tmp_path / "edge")
        assert "horse" not in str(refused.value)
        assert "wrong one" not in str(refused.value)
    assert read_leaf(issued(Site(tmp_path / "pki", b"correct horse"), tmp_path / "edge"))


def test_a_change_of_authority(tmp_path: Path) -> None:
    """Both are trusted before the new one signs and until the old one has signed nothing in use; then it is gone."""
    site = make_site(tmp_path)
    (old,) = site.certificates()
    early = read_leaf(issued(site, tmp_path / "early"))

    site.add_next(days=3650, now=NOW)
    assert site.certificates()[0] == old
    assert len(x509.load_pem_x509_certificates((site.folder / "authority.pem").read_bytes())) == 2
    meanwhile = read_leaf(issued(site, tmp_path / "meanwhile"))
    assert issued_by(meanwhile, [old]) == old
    with pytest.raises(ConfigError, match="under way"):
        site.add_next(days=3650, now=NOW)
    with pytest.raises(ConfigError, match="no retired authority"):
        site.drop_retired()

    site.switch_to_next()
    new = site.certificates()[0]
    assert new.subject != old.subject
    late = read_leaf(issued(site, tmp_path / "late"))
    assert issued_by(late, [new]) == new
    assert issued_by(late, [old]) is None
    assert issued_by(early, site.certificates()) == old
    with pytest.raises(ConfigError, match="no next authority"):
        site.switch_to_next()

    site.drop_retired()
    assert site.certificates() == (new,)
    assert issued_by(early, site.certificates()) is None
    assert not (site.folder / "authorities" / "1").exists()
    # What was decided is on the disk.
    assert Site(site.folder).state == site.state


def test_somebodys_own_files_beside_a_retired_authority_stay(tmp_path: Path) -> None:
    """Its key is gone, and the change is done; what cannot be removed is named."""
    site = make_site(tmp_path)
    site.add_next(days=10, now=NOW)
    site.switch_to_next()
    place = site.folder / "authorities" / "1"
    (place / "notes.txt").write_text("the first", encoding="utf-8")
    site.drop_retired()
    assert [path.name for path in place.iterdir()] == ["notes.txt"]

    site.add_next(days=10, now=NOW)
    site.switch_to_next()
    stuck = site.folder / "authorities" / "2" / "key.pem"
    stuck.unlink()
    stuck.mkdir()
    with pytest.raises(ConfigError, match=r"2/key\.pem: cannot be removed: .*; remove it by hand"):
        site.drop_retired()


def test_a_change_that_is_cut_short_starts_again(tmp_path: Path) -> None:
    """Files of an authority that site.json does not know are from a run that died, and stand in nobody's way."""
    site = make_site(tmp_path)
    stray = site.folder / "authorities" / "2"
    stray.mkdir()
    (stray / "key.pem").write_bytes(b"half a k")
    Site(site.folder).add_next(days=10, now=NOW)
    assert len(Site(site.folder).certificates()) == 2


def test_an_authority_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    """Its key signed nothing; one that did is not removed, even where the site's state is lost."""
    stray = tmp_path / "pki" / "authorities" / "1"
    stray.mkdir(parents=True)
    (stray / "key.pem").write_bytes(b"half a k")
    (stray / ".certificate.pem.0").write_bytes(b"half a c")
    site = make_site(tmp_path)
    assert sorted(path.name for path in stray.iterdir()) == ["certificate.pem", "key.pem"]
    issued(site, tmp_path / "edge-camera-1")
    key = (stray / "key.pem").read_bytes()
    (site.folder / "site.json").unlink()
    with pytest.raises(ConfigError, match=r"1/key\.pem: exists"):
        make_site(tmp_path)
    assert (stray / "key.pem").read_bytes() == key


@pytest.mark.parametrize("step", ["begin", "switch", "finish"])
def test_a_step_that_was_killed_is_mended_by_doing_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Between its two files, whichever comes first: then what agents get is what site.json says."""
    folder = make_site(tmp_path).folder
    steps: dict[str, Callable[[Site], None]] = {
        "begin": lambda site: site.add_next(days=10, now=NOW),
        "switch": Site.switch_to_next,
        "finish": Site.drop_retired,
    }
    for before in list(steps)[: list(steps).index(step)]:
        steps[before](Site(folder))
    renames: list[Path] = []

    def replace(old: Path, new: Path) -> None:
        if renames:
            raise KeyboardInterrupt
        if new.parent == folder:
            renames.append(new)
        old.rename(new)

    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            steps[step](Site(folder))
    assert len(renames) == 1
    steps[step](Site(folder))
    assert (folder / "authority.pem").read_bytes() == Site(folder).trusted_pem()


def test_a_damaged_state_is_said(tmp_path: Path) -> None:
    """Not a traceback, and nothing outside the folder is read by a name that somebody put in."""
    site = make_site(tmp_path)
    for text in (
        "{",
        '{"site": "lab"}',
        '{"site": "lab", "issuing": "../../x"}',
        '{"site": "lab", "issuing": "1", "a": 1}',
        '{"site": "lab", "issuing": "1", "next": "../../x"}',
        '{"site": "lab", "issuing": "1", "retired": ["2", "../../x"]}',
        '{"site": "lab", "issuing": "1", "schema": "of tomorrow"}',
    ):
        (site.folder / "site.json").write_text(text)
        with pytest.raises(ConfigError, match=r"site\.json"):
            Site(site.folder)
