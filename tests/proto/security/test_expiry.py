"""When an agent's certificate ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_proto.security.certificates import expiry_of
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
