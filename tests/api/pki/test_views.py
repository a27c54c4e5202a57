"""Certificates that `joulecut pki` has not made: of other authorities, or made to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from rich.console import Console

from joulecut.pki.certificates import public_key_of, read_certificates
from joulecut.pki.keys import new_key
from joulecut.pki.requests import read_request, request_pem
from joulecut.pki.views import certificates_table, show_path
from joulecut_core.errors import ConfigError
from tests.api.pki.made_up_site import CAMERA, NOW
from tests.fakes.certificates import TestAuthority, of_unknown_curve, of_unknown_version

DAMAGED = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x03\x82\x05a")


def test_names_are_shown_whatever_they_are(tmp_path: Path) -> None:
    """Other authorities sign for wildcards and underscores; a name that steers terminals is told in letters."""
    hosts = ("*.lab.example.com", "gpu_box", "h\x1b[2J")
    holder = TestAuthority(tmp_path).issue("server", "gpu", hosts=hosts)
    shown = show_path(holder.certificate, now=NOW)
    assert [each.hosts for each in shown] == [hosts]
    console = Console(width=400)
    with console.capture() as captured:
        console.print(certificates_table(shown))
    assert r"*.lab.example.com, gpu_box, h\x1b[2J" in captured.get()
    assert "\x1b[2J" not in captured.get()


def test_damage_inside_is_bad_input(tmp_path: Path) -> None:
    """What is read when it is asked for is read with the file, whose name is told."""
    key, name = new_key(), x509.Name([])
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW).add_extension(
        DAMAGED, critical=False
    )
    request = x509.CertificateSigningRequestBuilder(name).add_extension(DAMAGED, critical=False)
    for path, made in ((tmp_path / "c.pem", certificate), (tmp_path / "r.pem", request)):
        path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    with pytest.raises(ConfigError, match=r"c\.pem: not PEM, damaged, or"):
        show_path(tmp_path / "c.pem", now=NOW)
    with pytest.raises(ConfigError, match=r"r\.pem: not PEM, damaged, or"):
        read_request(tmp_path / "r.pem", CAMERA)


def test_what_is_of_an_unknown_kind_is_bad_input(tmp_path: Path) -> None:
    """A request comes from another host, and may be of any curve or version."""
    site, path = TestAuthority(tmp_path / "site"), tmp_path / "odd.pem"
    certificate = site.issue("edge", "camera-1").certificate.read_bytes()
    path.write_bytes(of_unknown_curve(request_pem(CAMERA, new_key())))
    with pytest.raises(ConfigError, match=r"odd\.pem: not PEM, damaged, or of an unknown kind"):
        read_request(path, CAMERA)
    path.write_bytes(of_unknown_version(certificate))
    with pytest.raises(ConfigError, match=r"odd\.pem: not PEM, damaged, or of an unknown kind"):
        read_certificates(path)
    path.write_bytes(of_unknown_curve(certificate))
    with pytest.raises(ConfigError, match=r"edge-camera-1: its key cannot be read"):
        public_key_of(read_certificates(path)[0], "edge-camera-1")
