"""Batching problems as JSON: what is written is what is read, and what is wrong is named by its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from joulecut_core.errors import ProblemError
from joulecut_planner.batching import (
    BatchingProblem,
    ServerClock,
    batching_document,
    batching_plan_document,
    load_batching,
    parse_batching,
    solve_batching,
)
from tests.planner.batching.batching_strategies import batching_problems
from tests.planner.batching.small_case import batching_problem, edge_problem


def document() -> dict[str, Any]:
    """A small problem's document, to be spoiled."""
    parsed: dict[str, Any] = json.loads(json.dumps(batching_document(batching_problem([edge_problem()] * 2))))
    return parsed


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(problem=batching_problems(max_edges=2))
def test_a_document_gives_the_problem_back(problem: BatchingProblem) -> None:
    """Nothing is lost on the way through JSON text."""
    assert parse_batching(json.dumps(batching_document(problem))) == problem


def test_defaults_may_be_left_out(tmp_path: Path) -> None:
    """A file needs neither arrivals nor the server's clock rule."""
    short = document()
    del short["server_clock"]
    for edge in short["edges"]:
        del edge["arrival_s"]
    file = tmp_path / "batching.json"
    file.write_text(json.dumps(short), encoding="utf-8")
    problem = load_batching(file)
    assert problem.server_clock is ServerClock.SHARED
    assert problem == batching_problem([edge_problem()] * 2)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schema",), "joulecut.fleet/1", "schema: 'joulecut.fleet/1'; expected 'joulecut.batching/1'"),
        (("server_clock",), "fast", "server_clock: 'fast'; expected one of 'shared', 'per_batch'"),
        (("batches",), {}, "batches: {}; expected a list"),
        (("batches", 0, "batch"), 2.5, "batches[0].batch: 2.5; expected a whole number"),
        (("batches", 0, "time_s", 0, 1), "x", "batches[0].time_s[0][1]: 'x'"),
        (("batches", 0, "size"), 2, "batches[0].size: unknown key"),
        (("edges", 1, "name"), None, "edges[1].name: None; expected a string"),
        (("edges", 1, "arrival_s"), True, "edges[1].arrival_s: True"),
        (("edges", 1, "arrival_s"), 10**400, "edges[1].arrival_s: "),
        (("edges", 1, "color"), 1, "edges[1].color: unknown key"),
        (("edges", 1, "problem"), 3, "edges[1].problem: 3 is not an object"),
        (("edges", 1, "problem", "link", "uplink_bps"), 0, "edges[1].problem.link.uplink_bps: 0"),
        (("extra",), 1, "extra: unknown key"),
    ],
)
def test_what_is_wrong_is_named(path: tuple[str | int, ...], value: object, message: str) -> None:
    """A complaint starts with the path from the top of the file."""
    spoiled: Any = document()
    at = spoiled
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(ProblemError) as error:
        parse_batching(spoiled)
    assert str(error.value).startswith(message)


def test_what_is_missing_or_double_is_named(tmp_path: Path) -> None:
    """No silent defaults for what a problem cannot be without, no key twice, no file that is not there."""
    incomplete = document()
    del incomplete["edges"]
    with pytest.raises(ProblemError, match=r"^edges: missing"):
        parse_batching(incomplete)
    with pytest.raises(ProblemError, match="schema"):
        parse_batching('{"schema": "joulecut.batching/1", "schema": "joulecut.batching/1"}')
    with pytest.raises(ProblemError, match="no such file"):
        load_batching(tmp_path / "absent.json")


def test_a_plan_is_plain_json() -> None:
    """An answer can be printed as it is; enums are their words."""
    printed = json.loads(json.dumps(batching_plan_document(solve_batching(batching_problem([edge_problem()] * 2)))))
    assert printed["schema"] == "joulecut.batching_plan/1"
    assert printed["status"] == "optimal"
    assert [edge["name"] for edge in printed["edges"]] == ["edge0", "edge1"]
