"""`joulecut plan`: JSON or tables on standard output, one line on standard error, and the contract's exit codes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from joulecut.commands.plan import plan
from joulecut_core.programs import run_program
from joulecut_planner.choices.variations import Downlink
from joulecut_planner.uplinks.policy_table import parse_policy_table
from tests.planner.small_document import small_document


@pytest.fixture(name="joulecut_plan")
def _joulecut_plan(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(plan)

    def run(*arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        with pytest.raises(SystemExit) as ended:
            raise SystemExit(run_program(lambda: app(list(arguments))))
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


def written(tmp_path: Path, **changes: Any) -> str:
    """A problem file, changed at its top level."""
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(small_document() | changes), encoding="utf-8")
    return str(path)


def test_json(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """An optimum is one JSON object and exit 0."""
    code, out, err = joulecut_plan(written(tmp_path), "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "joulecut.plan/1"
    assert document["status"] == "optimal"


def test_infeasible(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """No feasible choice: the nearest on standard output, exit 3."""
    code, out, err = joulecut_plan(written(tmp_path, slo={"latency_s": 1e-4}), "--json")
    assert (code, err) == (3, "")
    document = json.loads(out)
    assert (document["status"], document["binding"]) == ("infeasible", ["latency"])


def test_a_problem_that_comes_through_a_pipe(joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """As `joulecut problem ... | joulecut plan /dev/stdin` gives it: it can be read once."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        json.dump(small_document(), pipe)
    code, out, err = joulecut_plan(f"/dev/fd/{reading}", "--json")
    os.close(reading)
    assert (code, err) == (0, "")
    assert json.loads(out)["status"] == "optimal"


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_bad_input(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]], flags: list[str]) -> None:
    """A malformed problem is one line on standard error that names the path, nothing on standard output, exit 2."""
    code, out, err = joulecut_plan(written(tmp_path, max_accuracy_loss=-1), *flags)
    assert (code, out) == (2, "")
    assert "problem.json: max_accuracy_loss: -1.0; expected" in err
    assert err.count("\n") == 1
    code, out, err = joulecut_plan(str(tmp_path / "missing.json"), *flags)
    assert (code, out) == (2, "")
    assert "missing.json: no such file" in err


def test_what_is_found_apart_from_fields_names_the_file_too(
    tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]
) -> None:
    """So does the line of a key that stands twice, and of numbers that only the planner sees overflow."""
    path = written(tmp_path, slo={"rate_hz": 1e-320})
    code, out, err = joulecut_plan(path, "--json")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}: cuts[")
    assert "expected times and energies that stay finite" in err

    Path(path).write_text(json.dumps(small_document()).replace('"rtt_s"', '"rtt_s": 1, "rtt_s"'), encoding="utf-8")
    code, out, err = joulecut_plan(path)
    assert (code, out, err) == (2, "", f"error: {path}: link.rtt_s: duplicate key; expected each key once\n")


@pytest.mark.parametrize("schema", ["joulecut.fleet/3", "joulecut.plan/1", None, ["joulecut.problem/1"]])
def test_another_schema(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]], schema: object) -> None:
    """What a file may be is told whole: a fleet of a version to come is not asked to be a problem."""
    path = written(tmp_path, schema=schema)
    code, out, err = joulecut_plan(path)
    assert (code, out) == (2, "")
    known = "'joulecut.problem/1', 'joulecut.fleet/1' or 'joulecut.fleet/2'"
    assert err == f"error: {path}: schema: {schema!r}; expected {known}\n"


def test_a_profile_is_no_problem_yet(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """The step between the two is named."""
    code, out, err = joulecut_plan(written(tmp_path, schema="joulecut.profile/1"))
    assert (code, out) == (2, "")
    assert "`joulecut problem`" in err


def test_tables(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """Without --json a person reads cut, clocks, seconds, joules and what binds; names are shown as they are."""
    document = small_document()
    for cut in document["cuts"]:
        cut["name"] = f"blocks[{cut['name']}]"
    code, out, _ = joulecut_plan(written(tmp_path, cuts=document["cuts"], slo={}))
    assert code == 0
    for expected in ("optimal", "blocks[", "MHz", "module input", "edge computing", "mJ", "binding:"):
        assert expected in out


def test_tables_of_an_infeasible_problem(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """The nearest choice is shown with what it violates; where there is none, that is said."""
    code, out, _ = joulecut_plan(written(tmp_path, slo={"latency_s": 1e-4}))
    assert code == 3
    assert "violates: latency" in out
    variants = small_document()["variants"]
    variants[0]["accuracy_loss"] = 0.5
    code, out, _ = joulecut_plan(written(tmp_path, variants=variants))
    assert code == 3
    assert "accuracy budget" in out


def one_server_point_fleet(**shared: Any) -> dict[str, Any]:
    """Two edges with the small problem; what they share may be changed."""
    edges = [{"name": name, "problem": small_document()} for name in ("door", "gate[1]")]
    return {"schema": "joulecut.fleet/1", "shared": shared, "edges": edges}


def fleet_file(tmp_path: Path, **shared: Any) -> str:
    """A fleet file."""
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(one_server_point_fleet(**shared)), encoding="utf-8")
    return str(path)


def test_a_front_as_json(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """The front ignores the deadline, so one that nothing meets changes nothing."""
    code, out, err = joulecut_plan(written(tmp_path, slo={"latency_s": 1e-4, "rate_hz": 10}), "--pareto", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "joulecut.pareto/1"
    steps = [(plan["latency_bound_s"], -plan["energy_j"]) for plan in document["plans"]]
    assert len(steps) > 1
    assert steps == sorted(steps)


def test_an_empty_front(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """A rate that nothing keeps up with: an empty list, exit 3."""
    impossible = written(tmp_path, slo={"rate_hz": 1e6})
    code, out, err = joulecut_plan(impossible, "--pareto", "--json")
    assert (code, json.loads(out), err) == (3, {"schema": "joulecut.pareto/1", "plans": []}, "")
    code, out, _ = joulecut_plan(impossible, "--pareto")
    assert code == 3
    assert "infeasible" in out


def test_a_front_as_a_table(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """A person reads one line for each step."""
    code, out, _ = joulecut_plan(written(tmp_path), "--pareto")
    assert code == 0
    assert "energy-latency front" in out
    assert "choices priced" in out


def test_an_explanation_as_json(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """The plan is inside, as --json alone would show it."""
    file = written(tmp_path)
    code, out, err = joulecut_plan(file, "--explain", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "joulecut.explanation/1"
    plain = json.loads(joulecut_plan(file, "--json")[1])
    assert {**document["plan"], "solve_s": 0} == {**plain, "solve_s": 0}


def test_an_explanation_for_a_person(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """Where it goes, what binds, what a later deadline saves, what else there is, when it changes; names intact."""
    document = small_document()
    for cut in document["cuts"]:
        cut["name"] = f"blocks[{cut['name']}]"
    file = written(tmp_path, cuts=document["cuts"], slo={"latency_s": 0.03, "rate_hz": 10})
    code, out, _ = joulecut_plan(file, "--explain")
    assert code == 0
    for expected in (
        "blocks[",
        "what it costs where",
        "latency:",
        "rate:",
        "per ms",
        "the decision stays from",
        "variant:",
    ):
        assert expected in out


def test_the_explanation_of_an_infeasible_problem(
    tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]
) -> None:
    """What is broken is said, exit 3; so is that nothing is accurate enough."""
    file = written(tmp_path, slo={"latency_s": 1e-4})
    code, out, _ = joulecut_plan(file, "--explain")
    assert code == 3
    assert "broken" in out
    assert "no price: no choice keeps the constraints" in out
    assert joulecut_plan(file, "--explain", "--json")[0] == 3
    variants = small_document()["variants"]
    variants[0]["accuracy_loss"] = 0.5
    code, out, _ = joulecut_plan(written(tmp_path, variants=variants), "--explain")
    assert code == 3
    assert "accuracy budget" in out


def test_a_policy_table(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """The range is in Mbit/s; the JSON is what an edge reads back, the table what a person reads."""
    file = written(tmp_path)
    code, out, err = joulecut_plan(file, "--policy-table", "0.5:200", "--downlink", "proportional", "--json")
    assert (code, err) == (0, "")
    table = parse_policy_table(out)
    assert (table.lowest_bps, table.highest_bps, table.downlink) == (5e5, 2e8, Downlink.PROPORTIONAL)
    code, out, _ = joulecut_plan(file, "--policy-table", "0.5:200")
    assert code == 0
    assert "downlink fixed" in out
    code, out, _ = joulecut_plan(written(tmp_path, slo={"latency_s": 1e-4}), "--policy-table", "1:2")
    assert code == 3
    assert "infeasible" in out


@pytest.mark.parametrize("text", ["", "1", "2:1", "0:1", "a:b", "1:inf", "nan:1", "-1:1", "1:2:3"])
def test_a_wrong_range_is_refused(
    tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]], text: str
) -> None:
    """What is no range of bandwidths is one line with an example, exit 2."""
    code, out, err = joulecut_plan(written(tmp_path), f"--policy-table={text}")
    assert (code, out) == (2, "")
    assert err == f"error: --policy-table: {text!r}; expected LOW:HIGH in Mbit/s, such as 1:100\n"


def test_one_question_at_a_time(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """Two ways to ask exclude each other, and a fleet has neither front nor explanation."""
    code, out, err = joulecut_plan(written(tmp_path), "--pareto", "--explain")
    assert (code, out) == (2, "")
    assert err == "error: --pareto, --explain: 2 of them; expected one at a time\n"
    code, out, err = joulecut_plan(fleet_file(tmp_path), "--pareto")
    assert (code, out) == (2, "")
    assert "expected the problem of one pair" in err


def test_a_fleet(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]) -> None:
    """Told by its schema; JSON of the contract, or one line for each edge."""
    file = fleet_file(tmp_path)
    code, out, err = joulecut_plan(file, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert (document["schema"], document["status"]) == ("joulecut.fleet_plan/1", "optimal")
    assert [edge["name"] for edge in document["edges"]] == ["door", "gate[1]"]
    code, out, _ = joulecut_plan(file)
    assert code == 0
    for expected in ("gate[1]", "no plan draws less than", "2 edges planned"):
        assert expected in out


def test_fleets_with_edges_left_out_or_nothing_in_common(
    tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]]
) -> None:
    """A rejected edge is named with its reason, exit 0; edges that cannot be served together are exit 3."""
    hurried = one_server_point_fleet()
    hurried["edges"][0]["problem"]["slo"]["latency_s"] = 1e-4
    path = tmp_path / "hurried.json"
    path.write_text(json.dumps(hurried), encoding="utf-8")
    code, out, _ = joulecut_plan(str(path))
    assert code == 0
    assert "rejected: door:" in out
    crowded = one_server_point_fleet(server_utilisation=0.02)
    for edge in crowded["edges"]:
        edge["problem"]["cuts"][-1]["allowed"] = False
        edge["problem"]["cuts"][0]["allowed"] = False
    path.write_text(json.dumps(crowded), encoding="utf-8")
    code, out, _ = joulecut_plan(str(path))
    assert (code, "cannot be served together" in out) == (3, True), out
    assert joulecut_plan(str(path), "--json")[0] == 3


@pytest.mark.parametrize("text", ["[]", '"{}"', "3", "null"])
def test_json_that_is_no_object(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]], text: str) -> None:
    """A file with anything but an object in it is neither problem nor fleet."""
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    code, out, err = joulecut_plan(str(path), "--json")
    assert (code, out) == (2, "")
    assert "is not an object; expected a problem or a fleet" in err
