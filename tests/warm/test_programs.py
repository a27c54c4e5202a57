"""A program behind a stand-in is the program: arguments, streams, folder, environment, signals, exit status."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.warm.programs import WarmPrograms

_PATIENCE_S = 120.0


def _start(warm: WarmPrograms, folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [warm.path / words[0], *words[1:]],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_arguments_environment_and_folder_arrive(warm: WarmPrograms, tmp_path: Path) -> None:
    """What it is told in each way shows in what it prints, on the stream that it prints to."""
    (tmp_path / "edge.toml").write_text('device = "emulated:l4"\nbundle = "b"\n', encoding="utf-8")
    words = ("edge-agent", "--config", "edge.toml", "--print-config")
    with _start(warm, tmp_path, *words, JOULECUT_EDGE_NAME="of-the-environment") as process:
        out, err = process.communicate(timeout=_PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert 'name = "of-the-environment"  # JOULECUT_EDGE_NAME' in out
    assert 'device = "emulated:l4"  # edge.toml:1' in out


def test_errors_are_the_programs_own(warm: WarmPrograms, tmp_path: Path) -> None:
    """A wrong option ends with status 2, and the usage line names the program as it is installed."""
    with _start(warm, tmp_path, "joulecut", "plan", "--no-such-option") as process:
        out, err = process.communicate(timeout=_PATIENCE_S)
    assert (process.returncode, out) == (2, "")
    assert "Usage: joulecut plan" in err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_reach_the_program(warm: WarmPrograms, tmp_path: Path, sent: signal.Signals) -> None:
    """Whatever ends the stand-in ends the program: its end of the output closes."""
    words = ("joulecut", "device", "watch", "emulated:l4", "--json", "--interval", "0.05")
    with _start(warm, tmp_path, *words) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("{")
        process.send_signal(sent)
        process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == -sent if sent is signal.SIGKILL else process.returncode != 1
