"""`joulecut explain` and `joulecut pareto` answer as `joulecut plan` does with the option."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from joulecut.cli import app
from joulecut.commands.plan import DownlinkOption
from joulecut_planner.choices.variations import Downlink
from tests.planner.small_document import small_document


@pytest.fixture(name="problem")
def _problem(tmp_path: Path) -> str:
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(small_document()))
    return str(path)


def timeless(value: Any) -> Any:
    """A document without how long solving took."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key != "solve_s"}
    return [timeless(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("command", "option"), [("explain", "--explain"), ("pareto", "--pareto")])
def test_the_same_answer(problem: str, command: str, option: str) -> None:
    """The same document, schema included, by the short name and by the option."""
    short = CliRunner().invoke(app, [command, problem, "--json"])
    long = CliRunner().invoke(app, ["plan", problem, option, "--json"])
    assert short.exit_code == long.exit_code == 0
    assert timeless(json.loads(short.stdout)) == timeless(json.loads(long.stdout))


@pytest.mark.parametrize("command", ["explain", "pareto"])
def test_infeasible_is_status_3(tmp_path: Path, command: str) -> None:
    """As of `plan`: a budget of accuracy that no choice keeps."""
    path = tmp_path / "problem.json"
    document: dict[str, Any] = dict(small_document())
    document["cuts"] = [cut | {"allowed": False} for cut in document["cuts"]]
    path.write_text(json.dumps(document))
    assert CliRunner().invoke(app, [command, str(path), "--json"]).exit_code == 3


def test_downlink_options_are_the_planners() -> None:
    """The values written down for --help are those that there are."""
    assert [option.value for option in DownlinkOption] == [downlink.value for downlink in Downlink]


@pytest.mark.parametrize("command", ["plan", "explain", "pareto"])
def test_names_do_not_steer_the_terminal(tmp_path: Path, command: str) -> None:
    """Control characters in a file's names are written out, and markup is shown as it stands."""
    path = tmp_path / "problem.json"
    text = json.dumps(small_document())
    for name in ("input", "middle", "output"):
        text = text.replace(f'"name": "{name}"', '"name": "\\u001b[31mx\\u0007[b]"')
    path.write_text(text)
    said = CliRunner().invoke(app, [command, str(path)], env={"COLUMNS": "200"}).stdout
    assert "\\x1b[31mx\\x07[b]" in said
    assert not any(each in said for each in ("\x1b", "\x07"))
