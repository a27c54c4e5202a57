"""Batching problems as JSON (`joulecut.batching/1`), and their answers (`joulecut.batching_plan/1`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from joulecut_core.decoding import check_schema, decode, encode, keyed_object, listed, show
from joulecut_core.documents import read_text
from joulecut_core.errors import ProblemError
from joulecut_core.strict_json import parse_strictly
from joulecut_planner.batching.plan import BatchingPlan
from joulecut_planner.batching.problem import BATCHING_SCHEMA, BatchingEdge, BatchingProblem, BatchTables, ServerClock
from joulecut_planner.problem_file import parse_problem_at, problem_document

_KEYS = ("schema", "server_clock", "batches", "edges")
_EDGE_KEYS = ("name", "arrival_s", "problem")


def load_batching(path: str | os.PathLike[str]) -> BatchingProblem:
    """The problem in a file. Raises ProblemError naming the file, or the JSON path of the field that is wrong."""
    file = Path(path)
    return _decoded(parse_strictly(read_text(file, ProblemError), ProblemError, str(file)))


def parse_batching(source: str | Mapping[str, object]) -> BatchingProblem:
    """The problem in JSON text or in an already parsed object. Raises ProblemError with the JSON path."""
    return _decoded(
        parse_strictly(source, ProblemError, "batching", path_first=True) if isinstance(source, str) else source
    )


def batching_document(problem: BatchingProblem) -> dict[str, object]:
    """The problem as a JSON object; `parse_batching` gives it back."""
    return {
        "schema": problem.schema,
        "server_clock": problem.server_clock.value,
        "batches": encode(problem.batches),
        "edges": [
            {"name": edge.name, "arrival_s": edge.arrival_s, "problem": problem_document(edge.problem)}
            for edge in problem.edges
        ],
    }


def batching_plan_document(plan: BatchingPlan) -> dict[str, object]:
    """The answer as a JSON object."""
    document: dict[str, object] = encode(plan)
    return {"schema": plan.schema} | document


def _decoded(document: object) -> BatchingProblem:
    check_schema(document, BATCHING_SCHEMA, ProblemError)
    top = keyed_object(document, _KEYS, required=("batches", "edges"), error=ProblemError)
    clocks = [clock.value for clock in ServerClock]
    clock = top.get("server_clock", ServerClock.SHARED.value)
    if clock not in clocks:
        raise ProblemError(f"server_clock: {show(clock)}; expected one of {', '.join(map(repr, clocks))}")
    return BatchingProblem(
        server_clock=ServerClock(clock),
        batches=tuple(
            decode(BatchTables, tables, error=ProblemError, path=f"batches[{index}]")
            for index, tables in enumerate(listed(top["batches"], error=ProblemError, path="batches"))
        ),
        edges=tuple(
            _edge(f"edges[{index}]", edge)
            for index, edge in enumerate(listed(top["edges"], error=ProblemError, path="edges"))
        ),
    )


def _edge(path: str, document: object) -> BatchingEdge:
    fields = keyed_object(document, _EDGE_KEYS, required=("name", "problem"), error=ProblemError, path=path)
    name, arrival_s = fields["name"], fields.get("arrival_s", 0.0)
    if not isinstance(name, str):
        raise ProblemError(f"{path}.name: {show(name)}; expected a string")
    if isinstance(arrival_s, bool) or not isinstance(arrival_s, (int, float)):
        raise ProblemError(f"{path}.arrival_s: {show(arrival_s)}; expected a finite number of at least 0")
    parsed = parse_problem_at(f"{path}.problem", fields["problem"])
    return BatchingEdge(name=name, problem=parsed, arrival_s=arrival_s)
