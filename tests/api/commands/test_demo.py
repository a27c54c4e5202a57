"""`joulecut demo`: what goes to standard output, what to standard error, what to the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from joulecut.cli import app
from joulecut.demo import course, slowdown
from joulecut.demo.course import DemoResult, MeteredAt, Reporter
from joulecut.demo.scenario import Scenario
from joulecut.demo.workplace import Workplace
from joulecut_core.errors import ConfigError
from joulecut_runtime.networks.network import Network
from tests.api.demo_samples import EVERY_POLICY, INFEASIBLE_ROW, SPLIT_ROW

Demo = Callable[..., Result]


@dataclass
class Course:
    """What the command asked for; nothing is run."""

    asked: list[tuple[int, float, bool]] = field(default_factory=list)
    measured: int = 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course of the demo that is over at once."""
    record = Course()

    def network(workplace: Workplace) -> None:
        assert workplace.run_folder.is_dir()

    def needed(network: object, devices: tuple[str, ...], *, headroom: float) -> float:
        del network
        assert headroom == slowdown.HEADROOM_OF_FIRST_TRY
        assert devices == (Scenario().edge_device, Scenario().server_device)
        record.measured += 1
        return 7.0

    def run(
        scenario: Scenario,
        workplace: Workplace,
        network: Network,
        *,
        slowdown: float,
        reprofile: bool,
        report: Reporter,
        metered: MeteredAt,
    ) -> DemoResult:
        del workplace, network, metered
        record.asked.append((scenario.requests, slowdown, reprofile))
        report.stage("starting the agents")
        report.total(2)
        report.answered()
        return DemoResult(objectives=(EVERY_POLICY,), sweep=(INFEASIBLE_ROW, SPLIT_ROW), fallbacks=0)

    monkeypatch.setattr(Workplace, "network", network)
    monkeypatch.setattr(slowdown, "needed_slowdown", needed)
    monkeypatch.setattr(course, "run_demo", run)
    return record


def demo(*arguments: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, ["demo", *map(str, arguments)])


def test_tables_by_default(asked: Course) -> None:
    """Tables and the saving on standard output; progress and the measured slow-down on standard error."""
    result = demo()
    assert result.exit_code == 0
    assert "the joint plan (cut after middle) takes" in " ".join(result.stdout.split())
    assert "split: 2 middle" in result.stdout
    assert "one emulated second lasts 7 s" in " ".join(result.stderr.split())
    assert asked.asked == [(40, 7.0, False)]


def test_json_alone_on_standard_output(asked: Course) -> None:
    """A program can read it from a pipe."""
    result = demo("--json", "--requests", 80, "--slowdown", 3, "--reprofile")
    (document,) = json.loads(result.stdout)
    assert document["objective"] == "total"
    assert asked.asked == [(80, 3.0, True)]
    # What is given is not measured.
    assert asked.measured == 0


def test_html(asked: Course, tmp_path: Path) -> None:
    """The page is written beside the tables."""
    page = tmp_path / "demo.html"
    result = demo("--html", page)
    assert result.exit_code == 0
    assert len(asked.asked) == 1
    assert page.read_text().startswith("<!doctype html>")
    assert "wrote" in result.stderr


@pytest.mark.parametrize("place", [".", "missing/demo.html"])
def test_a_page_that_cannot_be_written(asked: Course, tmp_path: Path, place: str) -> None:
    """It is refused before the demo's minutes, not after them."""
    result = demo("--html", tmp_path / place)
    assert isinstance(result.exception, ConfigError)
    assert "cannot be written; expected a file in a folder that exists" in str(result.exception)
    assert asked.asked == []


@pytest.mark.parametrize("arguments", [("--requests", 39), ("--slowdown", 0.5)])
def test_options_out_of_range(asked: Course, arguments: tuple[object, ...]) -> None:
    """Fewer requests than a quantile needs, and a demo faster than time."""
    result = demo(*arguments)
    assert result.exit_code == 2
    assert str(arguments[0]) in result.stderr
    assert asked.asked == []
