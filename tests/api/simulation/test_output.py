"""What is written can be read by programs and people alike."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from joulecut.reports.charts import Line
from joulecut.reports.document import Table
from joulecut.simulation.charts import overview_chart, timeline_charts
from joulecut.simulation.orders import LoadKind, Loads, TraceOrder
from joulecut.simulation.output import SCHEMA, document, from_document, write_folder
from joulecut.simulation.page import simulation_report
from joulecut.simulation.rows import Simulation, known
from joulecut.simulation.terminal import print_simulation
from joulecut_core.carbon import CarbonTerms
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
    assert "://" not in page


def test_one_load_is_drawn_too(tmp_path: Path) -> None:
    """Bars where there is no line to draw, also where nobody was answered by one policy."""
    pytest.importorskip("matplotlib")
    names = {path.name for path in write_folder(simulated(TRACE), tmp_path)}
    assert {"overview.png", "timeline-1.png"} <= names


def test_plots_of_a_larger_simulation_do_not_stay(result: Simulation, tmp_path: Path) -> None:
    """In a folder that had more loads before, each timeline is of this simulation; what others put there stays."""
    pytest.importorskip("matplotlib")
    write_folder(result, tmp_path)
    (tmp_path / "timeline-mine.png").touch()
    written = write_folder(simulated(TRACE), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*(path.name for path in written), "timeline-mine.png"}


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


def test_a_document_is_read_back(result: Simulation) -> None:
    """All that it holds, to the last digit: everything but what happened over time."""
    data = json.loads(json.dumps(document(result), allow_nan=False))
    bare = replace(result, runs=tuple(replace(run, timeline=()) for run in result.runs))
    assert from_document(data) == bare


def test_the_report_shows_carbon_of_an_answer(result: Simulation) -> None:
    """Joules of an answer, idle time included, of every policy and load; scope and kind are named."""
    report = simulation_report(result, carbon=CarbonTerms(grid_g_per_kwh=3.6e6))
    sentence, table = report.sections[-1].blocks
    assert isinstance(sentence, str)
    assert isinstance(table, Table)
    assert "estimated" in sentence
    assert "server" in sentence
    energies_j = [row.energy_per_request_j for row in result.rows]
    assert [float(row[1]) for row in table.rows] == pytest.approx(
        [1e3 * (each or 0.0) for each in energies_j], rel=1e-3
    )


def test_the_charts_hold_the_rows(result: Simulation) -> None:
    """The overview's lines are the runs' energies by rising utilisation; each load has its own timeline."""
    energy, *_ = overview_chart(result).panels
    for layer in energy.layers:
        assert isinstance(layer, Line)
        rows = sorted((row for row in result.rows if row.policy == layer.name), key=lambda row: row.utilisation or 0.0)
        assert layer.y == tuple(1e3 * (row.energy_per_request_j or 0.0) for row in rows)
    first, _ = timeline_charts(result)
    power = first.panels[-1].layers
    steps = result.runs[0].timeline
    assert isinstance(power[0], Line)
    assert power[0].y == tuple(known(step.power_w) for step in steps)
