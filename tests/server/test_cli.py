"""`server-agent --print-config`: what it would run with, and nothing started."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from joulecut_core.configuration import Sources, read_configuration
from joulecut_core.errors import ConfigError, DeviceError
from joulecut_server.cli import app
from joulecut_server.config import ServerConfig
from joulecut_server.rule_changes import ConfigSource

SHIPPED = Path(__file__).parents[2] / "deploy" / "config" / "server.toml"


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """A server-agent in this process leaves SIGHUP as it is for the tests after it."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_print_config_is_a_configuration(tmp_path: Path) -> None:
    """Every table of the shipped file, its access rules included, loads again as it was."""
    printed = CliRunner().invoke(app, ["--config", str(SHIPPED), "--bundle", "a", "--bundle", "b", "--print-config"])
    assert printed.exit_code == 0
    assert 'bundles = ["a", "b"]  # flag' in printed.stdout.splitlines()
    copy = tmp_path / "server.toml"
    copy.write_text(printed.stdout, encoding="utf-8")
    expected = read_configuration(ServerConfig, Sources(file=SHIPPED, flags={"bundles": ["a", "b"]}))
    assert read_configuration(ServerConfig, Sources(file=copy)).values == expected.values


def test_tables_by_the_environment() -> None:
    """A table that the file lacks is made by its variables alone, and checks itself; a list of tables is TOML."""
    environment = {
        "S_DEVICE": "emulated:t4",
        "S_BUNDLES": "a,b",
        "S_TLS__AUTHORITY": "a.pem",
        "S_TLS__CERTIFICATE": "c.pem",
        "S_TLS__KEY": "k.pem",
        "S_ACCESS__EDGES": '[{names = ["camera-*"], rate_hz = 5}]',
    }
    values = read_configuration(ServerConfig, Sources(prefix="S", environment=environment)).values
    assert values.bundles == ("a", "b")
    assert values.tls is not None
    assert values.tls.key == "k.pem"
    assert values.access is not None
    assert values.access.edges[0].rate_hz == 5.0
    with pytest.raises(ConfigError, match=r"tls\.key: missing"):
        read_configuration(
            ServerConfig,
            Sources(prefix="S", environment={key: environment[key] for key in environment if key != "S_TLS__KEY"}),
        )


def test_the_file_is_read_again_with_the_same_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reload finds is what a restart would; without a file there is nothing to read again."""
    seen: list[tuple[ServerConfig, ConfigSource | None]] = []

    async def run_agent(config: ServerConfig, *, ends_with: int | None, source: ConfigSource | None) -> None:
        del ends_with
        seen.append((config, source))

    monkeypatch.setattr("joulecut_server.agent.run_agent", run_agent)
    # It would write where this runner's streams were, long after they are closed.
    monkeypatch.setattr("joulecut_server.cli.log_to_stderr", lambda **_: None)
    file = tmp_path / "server.toml"
    file.write_text('device = "emulated:t4"\nbundles = ["a"]\n', encoding="utf-8")
    assert CliRunner().invoke(app, ["--config", str(file), "--bundle", "b"]).exit_code == 0
    config, source = seen[-1]
    assert source is not None
    assert (source.file, source.read()) == (file, config)
    file.write_text('device = "emulated:t4"\nbundles = ["a"]\n[limits]\nstreams = 3\n', encoding="utf-8")
    again = source.read()
    assert (again.bundles, again.limits.streams) == (("b",), 3)
    assert CliRunner().invoke(app, ["--device", "emulated:t4", "--bundle", "b"]).exit_code == 0
    assert seen[-1][1] is None


def test_a_hangup_before_it_serves_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload may come while profiles are still measured; without a file a terminal's end is one, as ever."""
    heard: list[bool] = []

    async def run_agent(config: ServerConfig, *, ends_with: int | None, source: ConfigSource | None) -> None:
        del config, ends_with
        deadly = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        heard.append(deadly)
        if source is not None and not deadly:
            os.kill(os.getpid(), signal.SIGHUP)

    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    monkeypatch.setattr("joulecut_server.agent.run_agent", run_agent)
    monkeypatch.setattr("joulecut_server.cli.log_to_stderr", lambda **_: None)
    assert CliRunner().invoke(app, ["--device", "emulated:t4", "--bundle", "b"]).exit_code == 0
    file = tmp_path / "server.toml"
    file.write_text('device = "emulated:t4"\nbundles = ["a"]\n', encoding="utf-8")
    assert CliRunner().invoke(app, ["--config", str(file)]).exit_code == 0
    assert heard == [True, False]


@pytest.mark.parametrize("device", ["nonsense", "emulated:/nowhere.toml", "nvml:"])
def test_a_device_that_nothing_is_called_is_refused_before_it_is_printed(device: str) -> None:
    """What `--print-config` accepts starts as far as its words go."""
    refused = CliRunner().invoke(app, ["--device", device, "--bundle", "net", "--print-config"])
    assert isinstance(refused.exception, DeviceError)
    assert refused.stdout == ""
