"""The `joulecut` command as a whole: what it offers, and what it loads to say so."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest
from typer.testing import CliRunner

from joulecut.cli import app, main

COMMANDS = ("demo", "plan", "pack", "cuts", "profile", "run", "doctor", "device")


def test_help_lists_every_command() -> None:
    """Each command with what it is for; nothing at all says the same, as a usage error."""
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    for command in COMMANDS:
        (line,) = (line for line in lines if line.replace("│", " ").split()[:1] == [command])
        assert len(line.replace("│", " ").split()) > 4
    assert "fewest joules" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    """`--help` of every command works."""
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}, prog_name="joulecut")
    assert result.exit_code == 0
    assert f"Usage: joulecut {command} " in result.stdout


def test_version() -> None:
    """The installed distribution's version."""
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout == f"joulecut {importlib.metadata.version('joulecut')}\n"


def test_an_error_becomes_a_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry point ends with the error's documented status, and says it in one line."""
    monkeypatch.setattr(sys, "argv", ["joulecut", "plan", "nothing.json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: nothing.json: no such file\n"
