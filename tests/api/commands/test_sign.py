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
