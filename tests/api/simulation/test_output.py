"""What is written can be read by programs and people alike."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from joulecut.simulation.orders import LoadKind, Loads, TraceOrder
from joulecut.simulation.output import SCHEMA, document, write_folder
from joulecut.simulation.rows import Simulation
from joulecut.simulation.terminal import print_simulation
from joulecut_core.errors import ConfigError
from joulecut_planner.serving.simulation.made_traces import MadeTrace
from tests.api.simulation.made_up import simulated

TRACE = TraceOrder(made=MadeTrace.BURSTY, requests=300)


@pytest.fixture(scope="module")
def result() -> Simulation:
    """Two policies under two loads."""
    return simulated(TRACE, loads=Loads(kind=LoadKind.UTILISATION, values=(0.3, 0.7)))


def test_the_document_is_complete(result: Simulation) -> None:
    """The schema's name, what the numbers rest on, one entry for each run, answers by variant."""
    read = json.loads(json.dumps(document(result), allow_nan=False))
    assert read["schema"] == SCHEMA == "joulecut.simulation/1"
    assert read["table"]["device"] == "made up"
    assert [variant["figures"] for variant in read["table"]["variants"]] == ["estimated", "estimated"]
    assert len(read["runs"]) == 4
    for run in read["runs"]:
        assert sum(run["answers_by_variant"].values()) == run["on_time"] + run["late"]
        assert run["energy_j"] == pytest.approx(run["busy_j"] + run["idle_j"] + run["switching_j"])


def test_the_folder_explains_itself(result: Simulation, tmp_path: Path) -> None:
    """Rows, timelines that add up to them, plots for every load, and a page that needs nothing else."""
    pytest.importorskip("matplotlib")
    written = {path.name: path for path in write_folder(result, tmp_path / "out")}
    assert set(written) == {
        "runs.csv",
        "timeline.csv",
        "overview.png",
        "timeline-1.png",
        "timeline-2.png",
        "index.html",
    }
    rows = list(csv.DictReader(io.StringIO(written["runs.csv"].read_text(encoding="utf-8"))))
    steps = list(csv.DictReader(io.StringIO(written["timeline.csv"].read_text(encoding="utf-8"))))
    for row in rows:
        mine = [step for step in steps if all(step[key] == row[key] for key in ("policy", "utilisation"))]
        assert sum(int(step["answered"]) for step in mine) == int(row["on_time"]) + int(row["late"])
    page = written["index.html"].read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3
    assert "estimated" in page
    assert "http" not in page


def test_one_load_is_drawn_too(tmp_path: Path) -> None:
    """Bars where there is no line to draw, also where nobody was answered by one policy."""
    pytest.importorskip("matplotlib")
    names = {path.name for path in write_folder(simulated(TRACE), tmp_path)}
    assert {"overview.png", "timeline-1.png"} <= names


def test_a_folder_that_cannot_be_written_is_named(result: Simulation, tmp_path: Path) -> None:
    """One line with the path."""
    pytest.importorskip("matplotlib")
    taken = tmp_path / "taken"
    taken.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"--out .*taken"):
        write_folder(result, taken)


def test_the_terminal_shows_every_run(result: Simulation) -> None:
    """Both energies, misses, and the loads by name."""
    text = io.StringIO()
    print_simulation(result, Console(file=text, width=200))
    shown = text.getvalue()
    assert shown.count("eager") == shown.count("drawn") == 4
    assert "30% utilisation" in shown
    assert "without idle" in shown
