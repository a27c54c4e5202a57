"""Problem files are read strictly: whatever is wrong is named with its JSON path, its value and what was expected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from joulecut_core.errors import ProblemError
from joulecut_core.problems import Problem
from joulecut_planner.problem_file import load_problem, parse_problem, problem_document
from tests.planner.edited_document import complaint, edited
from tests.planner.problem_strategies import problems
from tests.planner.small_document import small_document
from tests.thoroughness import examples


def test_every_field_arrives() -> None:
    """Names in the file are the names in the dataclasses; defaults fill what may be left out."""
    problem = parse_problem(small_document())
    assert problem.slo.quantile == 0.99
    assert problem.slo.rate_hz == 10.0
    assert problem.cuts[0].wires[1].decode_w == 20.0
    assert problem.cuts[0].wires[0].encode_s == 0.0
    assert problem.variants[0].server.time_std_s is None
    assert problem.server.points[0].memory_mhz is None
    assert problem.edge.power_scope == "module input"


def test_objects_with_only_defaults_may_be_left_out() -> None:
    """No service level, budget or objective: the contract's defaults."""
    document = small_document()
    for key in ("slo", "max_accuracy_loss", "objective"):
        del document[key]
    problem = parse_problem(document)
    assert problem.slo.latency_s is None
    assert problem.slo.margin == "cantelli"
    assert problem.objective.server_weight == 1.0
    assert problem.max_accuracy_loss == 0.0


@settings(max_examples=examples(50), deadline=None)
@given(problem=problems())
def test_documents_round_trip(problem: Problem) -> None:
    """A problem written and read again is the same problem."""
    assert parse_problem(json.dumps(problem_document(problem))) == problem


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have(literal: str) -> None:
    """NaN and infinities are refused where they stand."""
    text = json.dumps(edited("variants.0.edge.busy_w.1.1", 7.125)).replace("7.125", literal)
    assert complaint(text).startswith("variants[0].edge.busy_w[1][1]: ")


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ('"rtt_s"', "link.rtt_s"),
        ('"schema"', "schema"),
        ('"decode_w"', "cuts[0].wires[1].decode_w"),
        ('"busy_w"', "variants[0].edge.busy_w"),
    ],
)
def test_duplicate_keys(key: str, path: str) -> None:
    """A key that stands twice is named with its whole path, inside lists too."""
    text = json.dumps(small_document())
    assert complaint(text.replace(key, f"{key}: 1, {key}", 1)).startswith(f"{path}: duplicate key")


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"schema": }', "\ufeff{}", "[" * 100_000])
def test_text_that_is_not_json(text: str) -> None:
    """Broken text is one clear error, however it is broken."""
    assert complaint(text).startswith("problem: not JSON")


@pytest.mark.parametrize("text", ["[]", "3", "null", '"problem"'])
def test_json_that_is_no_object(text: str) -> None:
    """A document of another kind is refused as such."""
    assert complaint(text).startswith("top level: ")


def test_files(tmp_path: Path) -> None:
    """A file is read; one that is missing, a folder or not text is named."""
    file = tmp_path / "problem.json"
    file.write_text(json.dumps(small_document()), encoding="utf-8")
    assert load_problem(file) == load_problem(str(file)) == parse_problem(small_document())
    for name, content in (("missing.json", None), ("binary.json", b"\xff\xfe"), ("half.json", b"{")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ProblemError) as caught:
            load_problem(path)
        assert str(caught.value).startswith(str(path))
    with pytest.raises(ProblemError, match="is a folder; expected a file"):
        load_problem(tmp_path)


def test_a_spread_is_left_out_rather_than_null() -> None:
    """None stands for zeros in memory only; what is written can be read again."""
    assert complaint(edited("variants.0.server.time_std_s", None)).startswith("variants[0].server.time_std_s: None; ")
    document = problem_document(parse_problem(small_document()))
    assert "time_std_s" not in json.loads(json.dumps(document))["variants"][0]["server"]


@pytest.mark.parametrize("path", ["cuts.0.name", "cuts.0.wires.0.codec", "variants.0.name", "edge.power_scope"])
def test_names_can_be_written_out(path: str) -> None:
    """Half a surrogate pair is valid JSON and no text: refused before a terminal or a message chokes on it."""
    assert complaint(edited(path, "a\ud800")).endswith("'a\\ud800'; expected a string that UTF-8 can carry")


def test_a_complaint_is_one_line() -> None:
    """Whatever the key."""
    document = edited("slo", {"mar\ngin": 1})
    assert complaint(document).startswith("slo.mar\\ngin: unknown key; ")


def test_a_path_that_no_file_has() -> None:
    """Refused like one that is not there."""
    with pytest.raises(ProblemError, match="is the name of no file"):
        load_problem("no\0file.json")
