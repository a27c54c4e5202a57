"""When an agent's certificate ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_proto.security.certificates import expiry_of, wrong_files
from joulecut_proto.security.identity import Role
from joulecut_proto.security.tls_options import TlsOptions
from tests.fakes.certificates import Holder, TestAuthority


def options(holder: Holder) -> TlsOptions:
    """The table that names a holder's files."""
    return TlsOptions(authority=str(holder.authority), certificate=str(holder.certificate), key=str(holder.key))


def test_the_end_is_that_of_the_file_as_it_is_now(tmp_path: Path) -> None:
    """A renewed certificate is seen without a restart; the end is the agent's own, not its authority's."""
    authority = TestAuthority(tmp_path)
    now_s = time.time()
    tls = options(authority.issue("edge", "cam", to_days=3.0))
    assert expiry_of(tls) == pytest.approx(now_s + 3 * 86400, abs=600)
    authority.issue("edge", "cam", to_days=20.0)
    assert expiry_of(tls) == pytest.approx(now_s + 20 * 86400, abs=600)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """With its name, and as an error that a scrape survives."""
    holder = TestAuthority(tmp_path).issue("edge", "cam")
    holder.certificate.unlink()
    with pytest.raises(ConfigError, match=r"TLS certificate .*lab-edge-cam\.pem"):
        expiry_of(options(holder))


def test_files_that_new_connections_cannot_use(tmp_path: Path) -> None:
    """Those of another pair or role, that have expired, or that hold nothing; good ones are well again."""
    authority = TestAuthority(tmp_path)
    holder = authority.issue("edge", "cam")
    tls = options(holder)
    assert wrong_files(tls, Role.EDGE) == ""
    assert "expected one of role server" in wrong_files(tls, Role.SERVER)
    anything = authority.issue("edge", "cam", usages=(), file="any use")
    assert "has no extended key usage clientAuth" in wrong_files(options(anything), Role.EDGE)
    key = holder.key.read_bytes()
    authority.issue("edge", "cam")
    holder.key.write_bytes(key)
    assert "not the key of certificate" in wrong_files(tls, Role.EDGE)
    authority.issue("edge", "cam", to_days=-1.0)
    assert "has expired" in wrong_files(tls, Role.EDGE)
    authority.issue("edge", "cam")
    assert wrong_files(tls, Role.EDGE) == ""
    holder.authority.write_bytes(b"")
    assert "not PEM" in wrong_files(tls, Role.EDGE)
