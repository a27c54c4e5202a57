"""The `[access]` table: what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.access.options import AccessOptions, EdgeRule
from joulecut_server.config import ServerConfig
from tests.loaded_config import load_config

TLS = '[tls]\nauthority = "a"\ncertificate = "c"\nkey = "k"\n'


def _config(tmp_path: Path, text: str) -> ServerConfig:
    path = tmp_path / "server.toml"
    path.write_text(f'device = "emulated:t4"\nbundles = ["a"]\n{text}', encoding="utf-8")
    return load_config(ServerConfig, path, {})


def test_rules_are_read_in_order(tmp_path: Path) -> None:
    """The first that fits counts, so their order in the file is their meaning."""
    text = TLS + '[[access.edges]]\nnames = ["cam-*"]\nrate_hz = 5\n[[access.edges]]\nclock = false\n'
    assert _config(tmp_path, text).access == AccessOptions(
        edges=(EdgeRule(names=("cam-*",), rate_hz=5.0), EdgeRule(clock=False))
    )


def test_a_table_without_rules_lets_no_edge_in(tmp_path: Path) -> None:
    """Not the same as no table: whoever begins to write rules is safe from the start."""
    assert _config(tmp_path, TLS + "[access]\n").access == AccessOptions(edges=())
    assert _config(tmp_path, TLS).access is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[access.edges]]\n", r"access: rules are by the names in certificates; expected \[tls\]"),
        (TLS + '[access]\nsites = ["A b"]\n', "site 'A b'; expected 1 to 63 small letters"),
        (TLS + "[[access.edges]]\nnames = []\n", "names and networks must name somebody"),
        (TLS + '[[access.edges]]\nnames = ["a/b"]\n', "access.edges.names: 'a/b'"),
        (TLS + "[[access.edges]]\nrate_hz = 0\n", "access.edges.rate_hz: 0.0; expected a finite number above 0"),
        (TLS + "[[access.edges]]\nstreams = 0\n", "access.edges.streams: 0; expected at least 1"),
        (TLS + "[[access.edges]]\npriority = -1\n", "access.edges.priority: -1; expected 0 to 2147483647"),
        (TLS + "[[access.edges]]\nrate = 1\n", r"access.edges\[0\].rate: unknown key; did you mean 'rate_hz'"),
        ("insecure = true\n" + TLS, r"insecure: true beside \[tls\]; leave out one"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """A rule that says nothing, or not what its writer thinks, is found at the start."""
    with pytest.raises(ConfigError, match=complaint):
        _config(tmp_path, text)
