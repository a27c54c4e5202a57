"""`edge-agent --print-config`: what it would run with, and nothing started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from joulecut_core.configuration import Sources, read_configuration
from joulecut_core.errors import DeviceError
from joulecut_edge import agent
from joulecut_edge.cli import app
from joulecut_edge.config import EdgeConfig

SHIPPED = Path(__file__).parents[2] / "deploy" / "config" / "edge.toml"


def test_print_config_is_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped file, a variable and a flag: printed with their origins, and loaded again as they were."""
    monkeypatch.setenv("JOULECUT_EDGE_SLO__RATE_HZ", "12.5")
    printed = CliRunner().invoke(app, ["--config", str(SHIPPED), "--name", "camera-9", "--print-config"])
    assert printed.exit_code == 0
    lines = printed.stdout.splitlines()
    assert 'name = "camera-9"  # flag' in lines
    assert "rate_hz = 12.5  # JOULECUT_EDGE_SLO__RATE_HZ" in lines
    assert any(line.startswith("device = ") and line.endswith(f"# {SHIPPED}:4") for line in lines)
    copy = tmp_path / "edge.toml"
    copy.write_text(printed.stdout, encoding="utf-8")
    flags = {"name": "camera-9"}
    monkeypatch.undo()
    expected = read_configuration(
        EdgeConfig, Sources(file=SHIPPED, flags=flags, prefix="E", environment={"E_SLO__RATE_HZ": "12.5"})
    )
    assert read_configuration(EdgeConfig, Sources(file=copy)).values == expected.values


def test_the_file_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the file is named by a variable; the flag counts more."""
    monkeypatch.setenv("JOULECUT_EDGE_CONFIG", str(SHIPPED))
    printed = CliRunner().invoke(app, ["--print-config"])
    assert f"# {SHIPPED}:" in printed.stdout


def test_a_user_without_the_services_folder_starts_it_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default place to listen becomes the user's own, made on the way; another that was named stays."""
    told: list[str] = []

    async def run_agent(config: EdgeConfig, *, ends_with: int | None = None) -> None:
        del ends_with
        told.append(config.listen)

    monkeypatch.setattr(agent, "run_agent", run_agent)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    for chosen in ((), ("--listen", "unix:/run/other/edge.sock")):
        done = CliRunner().invoke(app, ["--device", "cpu", "--bundle", "net", *chosen])
        assert done.exit_code == 0
    assert told == [f"unix:{tmp_path}/joulecut/edge.sock", "unix:/run/other/edge.sock"]
    assert (tmp_path / "joulecut").is_dir()


def test_a_ready_file_of_a_life_before_is_gone_while_it_loads(tmp_path: Path) -> None:
    """Loading takes seconds, in which whoever waits for the file would take a dead agent's address for this one's."""
    ready = tmp_path / "ready.json"
    ready.write_text("{}", encoding="utf-8")
    loading = (
        "import pathlib, sys\n"
        "class Looks:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'joulecut_edge.agent':\n"
        f"            sys.exit(40 + pathlib.Path({str(ready)!r}).exists())\n"
        "sys.meta_path.insert(0, Looks())\n"
        "from joulecut_edge.cli import app\n"
        "app()\n"
    )
    arguments = ["--device", "cpu", "--bundle", "net", "--ready-file", str(ready)]
    done = subprocess.run([sys.executable, "-c", loading, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 40, done.stderr


@pytest.mark.parametrize("device", ["nonsense", "emulated:/nowhere.toml", "nvml:"])
def test_a_device_that_nothing_is_called_is_refused_before_it_is_printed(device: str) -> None:
    """What `--print-config` accepts starts as far as its words go."""
    refused = CliRunner().invoke(app, ["--device", device, "--bundle", "net", "--print-config"])
    assert isinstance(refused.exception, DeviceError)
    assert refused.stdout == ""
