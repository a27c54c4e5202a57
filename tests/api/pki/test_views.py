"""Certificates that `joulecut pki` has not made: of other authorities, or made to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from rich.console import Console

from joulecut.pki.keys import new_key
from joulecut.pki.requests import read_request
from joulecut.pki.views import certificates_table, show_path
from joulecut_core.errors import ConfigError
from tests.api.pki.made_up_site import CAMERA, NOW
from tests.fakes.certificates import TestAuthority

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
    with pytest.raises(ConfigError, match=r"c\.pem: not PEM, or damaged"):
        show_path(tmp_path / "c.pem", now=NOW)
    with pytest.raises(ConfigError, match=r"r\.pem: not PEM, or damaged"):
        read_request(tmp_path / "r.pem", CAMERA)
