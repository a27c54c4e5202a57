"""Results that `--json` saved become the report that the command itself would have made."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import run as run_process

import pytest

from joulecut.demo.course import DemoResult
from joulecut.demo.page import demo_report
from joulecut.demo.report import demo_document
from joulecut.demo.results import FrontStep
from joulecut.reports.document import Table
from joulecut.reports.run_report import AnsweredRequest, run_report
from joulecut.reports.saved import saved_report
from joulecut.simulation.orders import TraceOrder
from joulecut.simulation.output import document as simulation_document
from joulecut.simulation.page import simulation_report
from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError, JoulecutError
from joulecut_planner import explain, pareto, pareto_document, plan_document, problem_document, solve
from joulecut_planner.explanations.explanation import explanation_document
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fleet_file import fleet_document, fleet_plan_document
from joulecut_planner.serving.simulation.made_traces import MadeTrace
from tests.api.demo_samples import EVERY_POLICY
from tests.api.reports.small_fleets import small_fleet, small_pool
from tests.api.reports.tiny_problem import ledger, tiny_problem
from tests.api.simulation.made_up import simulated


def saved(folder: Path, document: object) -> Path:
    """A file that holds a document, after a trip through JSON."""
    path = folder / "result.json"
    path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("document", "charts"),
    [
        (problem_document(tiny_problem()), ["front", "waterfall", "blocks", "clocks"]),
        (plan_document(solve(tiny_problem())), ["waterfall"]),
        (pareto_document(pareto(tiny_problem())), ["front"]),
        (explanation_document(explain(tiny_problem())), ["waterfall", "front"]),
        (fleet_document(small_fleet()), ["servers", "uplinks", "edges"]),
        (fleet_plan_document(solve_fleet(small_fleet())), []),
        (fleet_document(small_pool()), ["servers", "uplinks", "edges"]),
        (fleet_plan_document(solve_fleet(small_pool())), ["servers"]),
    ],
    ids=["problem", "plan", "front", "explanation", "fleet", "fleet-plan", "pool", "pool-plan"],
)
def test_answers_of_the_planner(tmp_path: Path, document: object, charts: list[str]) -> None:
    """The schema tells what to draw."""
    assert [chart.name for chart in saved_report(saved(tmp_path, document)).charts] == charts


def test_a_demo(tmp_path: Path) -> None:
    """Front, joules and one request of every objective, as the command draws them; what --json lacks is left out."""
    result = replace(EVERY_POLICY, request=ledger(), front=(FrontStep(latency_bound_s=0.02, energy_j=0.09),))
    document = demo_document(DemoResult(objectives=(result,), sweep=(), fallbacks=0))
    report = saved_report(saved(tmp_path, document))
    assert report.charts == demo_report([result], story="").charts
    assert [chart.name for chart in report.charts] == ["front-total", "joules-total", "request-total"]


def test_a_trial_of_ones_own_network(tmp_path: Path) -> None:
    """One objective with the network's name; more about it than the demo says."""
    document = {
        "schema": "joulecut.trial/1",
        "network": "mine",
        "samples": "noise",
        "wires": "none",
        "fallbacks": 0,
        **encode(EVERY_POLICY),
    }
    assert saved_report(saved(tmp_path, document)).title == "mine on two devices"


def test_a_run_is_an_object_a_line(tmp_path: Path) -> None:
    """One request or several: the same report as of the ledgers themselves, but for where they were answered."""
    each = {"picture": "cat", "answer": 3, "ledger": encode(ledger())}
    path = tmp_path / "run.jsonl"
    answered = AnsweredRequest(sample="cat", answer=3, ledger=ledger())
    for count in (1, 2):
        path.write_text("\n".join([json.dumps(each)] * count) + "\n", encoding="utf-8")
        assert saved_report(path) == run_report([answered] * count)


def test_a_simulation(tmp_path: Path) -> None:
    """Every table and the overview; what happened over time is not in the document."""
    result = simulated(TraceOrder(made=MadeTrace.BURSTY, requests=200))
    report = saved_report(saved(tmp_path, simulation_document(result)))
    whole = simulation_report(result)
    assert [chart.name for chart in report.charts] == ["overview"]
    assert [chart.name for chart in whole.charts] == ["overview", "timeline-1"]

    def tables(blocks: tuple[object, ...]) -> list[object]:
        return [block for block in blocks if isinstance(block, Table)]

    assert [tables(section.blocks) for section in report.sections] == [
        tables(section.blocks) for section in whole.sections
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("[1, 2]", r"\[0\]"),
        ('{"schema": "joulecut.service/1"}', "joulecut.service/1.*expected"),
        ('{"energy_j": 3}', "no schema.*expected"),
        ('{"schema": ["joulecut.plan/1"]}', "expected"),
        ('{"ledger": 3}', "line 1"),
        ('{"picture": "cat", "answer": "3", "ledger": {}}', "whole number"),
        ('{"picture": 1}\n{"picture": 2}', "expected"),
        ('{"schema": "joulecut.plan/1"}', "status: missing"),
        ('{"schema": "joulecut.pareto/1"}', "plans: None"),
        ('{"schema": "joulecut.simulation/1", "runs": []}', "missing"),
        ('{"schema": "joulecut.study/1"}', "missing"),
        ("{", "result.json"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Every complaint names what was found or the place, and what was expected."""
    path = tmp_path / "result.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        saved_report(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No traceback for a typing error."""
    with pytest.raises(JoulecutError, match=r"nowhere\.json"):
        saved_report(tmp_path / "nowhere.json")


def test_reading_results_needs_neither_torch_nor_grpc() -> None:
    """Saved results are drawn where only the planner is installed, and quickly."""
    code = "import sys, joulecut.reports.saved; sys.exit(bool({'torch', 'grpc'} & set(sys.modules)))"
    assert run_process([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
