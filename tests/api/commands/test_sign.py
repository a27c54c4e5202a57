"""`joulecut sign` and `joulecut pack --sign`: a bundle that others can check, and one line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from joulecut.cli import app
from joulecut_core.errors import BundleError, ConfigError
from joulecut_runtime.networks.bundle_signature import SIGNATURE_FILE

pytest.importorskip("model_signing.signing", reason="the extra `sign` is not installed")

PACK = ("pack", "tests.networks.small_modules:skips", "--input", "1x3x8x8", "--input", "f32:1x5", "--out", "bundle")


def joulecut(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    joulecut("pki", "init", "--site", "lab")
    joulecut("pki", "issue", "operator", "alice")
    joulecut("pki", "issue", "edge", "camera-1")


def test_sign_and_verify(tmp_path: Path) -> None:
    """Signed while it is packed or afterwards; packed again without a key, no old signature stays behind."""
    alice = ("operator-alice/key.pem", "--certificate", "operator-alice/certificate.pem")
    check = ("sign", "bundle", "--verify", "--authority", "pki/authority.pem")
    assert joulecut(*PACK, "--sign", *alice).exit_code == 0
    assert joulecut(*check).output == "bundle: its signature is right\n"
    assert isinstance(joulecut(*check, "--signer", "spiffe://lab/operator/bob").exception, BundleError)
    assert joulecut(*PACK).exit_code == 0
    assert not (tmp_path / "bundle" / SIGNATURE_FILE).exists()
    assert isinstance(joulecut(*check).exception, BundleError)
    signed = joulecut("sign", "bundle", "--key", *alice)
    assert signed.output.startswith(f"bundle/{SIGNATURE_FILE}: signs sha256:")
    assert joulecut(*check).exit_code == 0


def test_a_key_that_cannot_sign_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """The signed bundle that is there stays, with its signature: one without would start nowhere."""
    assert joulecut(*PACK, "--sign", "operator-alice/key.pem").exit_code == 0
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "bundle").iterdir()}
    (tmp_path / "no-key.pem").write_text("nothing")
    for key in (("no-key.pem",), ("nowhere.pem",), ("operator-alice/key.pem", "--certificate", "no-key.pem")):
        assert isinstance(joulecut(*PACK, "--sign", *key).exception, ConfigError)
        assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "bundle").iterdir()} == before


def test_mistakes(tmp_path: Path) -> None:
    """No key, a certificate without a key, an edge's certificate, a bundle that does not open."""
    joulecut(*PACK)
    assert isinstance(joulecut("sign", "bundle").exception, ConfigError)
    assert isinstance(joulecut(*PACK, "--certificate", "operator-alice/certificate.pem").exception, ConfigError)
    assert isinstance(joulecut("sign", "bundle", "--verify").exception, ConfigError)
    camera = ("--key", "edge-camera-1/key.pem", "--certificate", "edge-camera-1/certificate.pem")
    refused = joulecut("sign", "bundle", *camera)
    assert isinstance(refused.exception, ConfigError)
    assert "of spiffe://lab/edge/camera-1, not for signing" in str(refused.exception)
    assert not (tmp_path / "bundle" / SIGNATURE_FILE).exists()
    (tmp_path / "bundle" / "graph.json").write_text("{}")
    assert isinstance(joulecut("sign", "bundle", "--key", "operator-alice/key.pem").exception, BundleError)
