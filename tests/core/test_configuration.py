"""Configuration: flags over file over defaults, strict, logged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from joulecut_core.configuration import Sources, read_configuration
from joulecut_core.errors import ConfigError
from tests.loaded_config import load_config


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    device: str
    listen: str = "127.0.0.1:0"
    slowdown: float = 1.0


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_override_the_file_and_the_file_overrides_defaults(tmp_path: Path) -> None:
    """A flag that was not given (None) leaves the file's value."""
    path = written(tmp_path, 'device = "emulated:tx2"\nslowdown = 4\n')
    assert load_config(AgentConfig, path, {"device": "emulated:t4", "slowdown": None}) == AgentConfig(
        device="emulated:t4", slowdown=4.0
    )


def test_flags_alone_are_enough() -> None:
    """No file is needed."""
    assert load_config(AgentConfig, None, {"device": "emulated:t4"}) == AgentConfig(device="emulated:t4")


def test_complaints_name_their_source(tmp_path: Path) -> None:
    """The file is named where there is one, else the options; an unknown key comes with the nearest."""
    with pytest.raises(ConfigError, match=r"agent\.toml: devise: unknown key; did you mean 'device'\?"):
        load_config(AgentConfig, written(tmp_path, 'devise = "x"\n'), {})
    with pytest.raises(ConfigError, match=r"^options: device: missing"):
        load_config(AgentConfig, None, {})


def test_the_result_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log of an agent starts with what it really runs with."""
    with caplog.at_level(logging.INFO):
        read_configuration(AgentConfig, Sources(flags={"device": "emulated:t4"})).log()
    assert '"listen": "127.0.0.1:0"' in caplog.text
