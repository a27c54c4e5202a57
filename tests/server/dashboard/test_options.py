"""The `[dashboard]` table."""

from __future__ import annotations

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.dashboard.options import DashboardOptions


def test_nobody_listens_unless_asked() -> None:
    """A server without the table opens no further port."""
    assert not DashboardOptions().wanted
    assert DashboardOptions(listen="127.0.0.1:0").wanted


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("8080", "dashboard.listen: address '8080'"),
        ("localhost:99999", "port 99999"),
        ("unix:/run/x.sock", "which a browser can open"),
    ],
)
def test_what_is_no_address_of_a_page_is_refused(listen: str, said: str) -> None:
    """A mistake is found when the file is read, and the message names the key."""
    with pytest.raises(ConfigError, match=said) as refused:
        DashboardOptions(listen=listen)
    assert "dashboard.listen" in str(refused.value)


def test_missing_libraries_are_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever installed joulecut without the extra reads which one it is."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"starlette and uvicorn are not installed; install joulecut\[dashboard\]"):
        _ = DashboardOptions(listen="127.0.0.1:0").wanted
