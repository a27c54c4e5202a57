"""What a server bears of its edges: the table in its file, and values that leave nothing to serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.config import ServerConfig
from joulecut_server.limits import Limits
from tests.loaded_config import load_config


def loaded(folder: Path, text: str) -> Limits:
    file = folder / "server.toml"
    file.write_text(f'device = "emulated:t4"\nbundles = ["net"]\n{text}', encoding="utf-8")
    return load_config(ServerConfig, file, {}).limits


def test_limits_come_from_their_table(tmp_path: Path) -> None:
    """Those named are set, the others keep their defaults."""
    limits = loaded(tmp_path, "[limits]\nstreams = 5\nstall_s = 2\n")
    assert limits == Limits(streams=5, stall_s=2.0)
    assert loaded(tmp_path, "") == Limits()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("in_flight = 0", r"limits\.in_flight: 0; expected at least 1"),
        ("kept_answers = -1", r"limits\.kept_answers: -1; expected 0"),
        ("stall_s = 0.0", r"limits\.stall_s: 0\.0; expected a finite number"),
        ("kept_s = inf", r"limits\.kept_s: inf; expected a finite number"),
        ("share_tensor_bytes = 5", r"limits\.stream_tensor_bytes: \d+; expected at most limits\.share_tensor_bytes, 5"),
        ("tensor_bytes = 5", r"limits\.stream_tensor_bytes: \d+; expected at most limits\.tensor_bytes, 5"),
    ],
)
def test_values_that_leave_nothing_to_serve_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """With the key's name, as it stands in the file."""
    with pytest.raises(ConfigError, match=complaint):
        loaded(tmp_path, f"[limits]\n{text}\n")
