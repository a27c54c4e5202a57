"""`joulecut report`, and the options that other commands share with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from joulecut.cli import app
from joulecut.commands.report_options import report_wish
from joulecut_core.documents import write_json
from joulecut_core.errors import ConfigError
from joulecut_planner import problem_document
from tests.api.fake_edge import FakeLocal, serving_edge
from tests.api.reports.page_reader import read_page
from tests.api.reports.tiny_problem import tiny_problem


def command(*arguments: object) -> Result:
    """A subcommand, in process."""
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """A problem's file."""
    path = tmp_path / "problem.json"
    write_json(path, problem_document(tiny_problem()))
    return path


def test_plan_writes_a_page_beside_its_answer(problem: Path, tmp_path: Path) -> None:
    """The page has the carbon that was asked for; standard output keeps to the answer."""
    page = tmp_path / "page.html"
    result = command("plan", problem, "--json", "--html", page, "--grid-intensity", 360)
    assert result.exit_code == 0
    assert result.stdout.startswith("{")
    assert result.stdout.rstrip().endswith("}")
    assert "wrote" in result.stderr
    assert ["joint", "277.8", "27.78", "27.78"] in read_page(page.read_text(encoding="utf-8")).rows


def test_report_makes_the_same_page_of_the_saved_problem(problem: Path, tmp_path: Path) -> None:
    """From the problem itself everything is drawn, pictures included."""
    result = command("report", problem, "--out", tmp_path / "page.html", "--export", tmp_path / "pictures")
    assert result.exit_code == 0
    assert "Plan of problem.json" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert sorted(path.stem for path in (tmp_path / "pictures").glob("*.svg")) == [
        "blocks",
        "clocks",
        "front",
        "waterfall",
    ]


def test_report_needs_a_place(problem: Path) -> None:
    """Neither page nor pictures: what is missing is said."""
    result = command("report", problem)
    assert isinstance(result.exception, ConfigError)
    assert "--out" in str(result.exception)


def test_a_network_has_no_such_page(tmp_path: Path) -> None:
    """A document of another schema is refused by name."""
    write_json(tmp_path / "manifest.json", {"schema": "joulecut.bundle/1"})
    result = command("report", tmp_path / "manifest.json", "--out", tmp_path / "page.html")
    assert isinstance(result.exception, ConfigError)
    assert "joulecut.bundle/1" in str(result.exception)


def test_carbon_is_never_guessed(tmp_path: Path) -> None:
    """No intensity, no carbon; embodied grams alone are refused, and so is an intensity that no page would show."""
    page = tmp_path / "page.html"
    assert report_wish(page, None, None, None).carbon is None
    with pytest.raises(ConfigError, match="--grid-intensity"):
        report_wish(page, None, None, 0.1)
    with pytest.raises(ConfigError, match="--html"):
        report_wish(None, None, 380.0, None)
    with pytest.raises(ConfigError, match="-1"):
        report_wish(page, None, -1.0, None)


def test_places_are_checked_before_the_work(tmp_path: Path) -> None:
    """A page that cannot be written is known at once, not after minutes."""
    with pytest.raises(ConfigError, match="cannot be written"):
        report_wish(tmp_path, None, None, None)


def test_no_page_takes_the_place_of_what_is_drawn(problem: Path) -> None:
    """A problem under the name of its page is a slip, and the only copy perhaps."""
    before = problem.read_bytes()
    for arguments in (("plan", problem, "--html", problem), ("report", problem, "--out", problem)):
        result = command(*arguments)
        assert "is read as well; expected another file for the page" in str(result.exception)
        assert (result.stdout, problem.read_bytes()) == ("", before)


def test_run_draws_what_an_agent_answered(tmp_path: Path) -> None:
    """Every request's ledger is on the page, under the network's and the device's names, with its joules' kind."""
    page = tmp_path / "page.html"
    with serving_edge(FakeLocal()) as (address, _):
        result = command("run", address, "--count", 3, "--html", page)
    assert result.exit_code == 0, result.output
    reader = read_page(page.read_text(encoding="utf-8"))
    assert "Requests to tiny on" in "".join(reader.text)
    assert ["requests", "3"] in reader.rows
    assert ["server computing", "server", "500.000"] in reader.rows
