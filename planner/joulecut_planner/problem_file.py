"""Planning problems as JSON (contract `joulecut.problem/1`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from joulecut_core.argument_types import expect_path
from joulecut_core.decoding import check_schema, decode, encode, show
from joulecut_core.documents import read_text
from joulecut_core.errors import ProblemError
from joulecut_core.problems import PROBLEM_SCHEMA, Problem
from joulecut_core.strict_json import parse_strictly
from joulecut_planner.choices.grids import grids_of

_SIDES = ("edge", "server")

_OF_LAST_WIRE = ("codec", "uplink_bytes", "downlink_bytes")
"""All that is written of the last cut's wire: nothing crosses there. Files may say 0 of the rest."""


def load_problem(path: str | os.PathLike[str]) -> Problem:
    """The problem in a file. Raises ProblemError naming the file, or the JSON path of the field that is wrong.

    TypeError for what is no path.
    """
    file = expect_path(
        "path", path, "of a joulecut.problem/1 file; a JSON object goes to parse_problem", error=ProblemError
    )
    document = parse_strictly(read_text(file, ProblemError), ProblemError, str(file))
    try:
        return _decoded(document)
    except ProblemError as error:
        raise ProblemError(f"{file}: {error}") from error


def parse_problem(source: str | Mapping[str, object]) -> Problem:
    """The problem in JSON text or in an already parsed object. Raises ProblemError with the JSON path."""
    return _decoded(
        parse_strictly(source, ProblemError, "problem", path_first=True) if isinstance(source, str) else source
    )


def parse_problem_at(path: str, document: object) -> Problem:
    """The problem inside another document, at `path`: a whole one, its schema included."""
    if not isinstance(document, Mapping):
        raise ProblemError(f"{path}: {show(document)} is not an object; expected one")
    try:
        return parse_problem(document)
    except ProblemError as error:
        raise ProblemError(f"{path}.{error}") from error


def problem_document(problem: Problem) -> dict[str, object]:
    """The problem as the contract's JSON object; `parse_problem` gives it back."""
    document: dict[str, Any] = encode(problem)
    last = document["cuts"][-1]
    last["wires"] = [{key: wire[key] for key in _OF_LAST_WIRE} for wire in last["wires"]]
    for variant in document["variants"]:
        for side in _SIDES:
            if variant[side]["time_std_s"] is None:
                del variant[side]["time_std_s"]
    return {"schema": problem.schema, **document}


def _decoded(document: object) -> Problem:
    check_schema(document, PROBLEM_SCHEMA, ProblemError)
    problem = decode(Problem, document, error=ProblemError)
    _refuse_null_spreads(document)
    # Reading is the slow part anyway: the first plan then need not wait for the arrays.
    grids_of(problem)
    return problem


def _refuse_null_spreads(document: Any) -> None:
    """In memory None stands for zeros; a file leaves them out."""
    for index, variant in enumerate(document["variants"]):
        for side in _SIDES:
            if variant[side].get("time_std_s", ()) is None:
                raise ProblemError(
                    f"variants[{index}].{side}.time_std_s: None; expected a list for each cut, or nothing for zeros"
                )
