"""`joulecut plan`: JSON or tables on standard output, one line on standard error, and the contract's exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from joulecut.commands.plan import plan
from joulecut_core.programs import run_program
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


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_bad_input(tmp_path: Path, joulecut_plan: Callable[..., tuple[int, str, str]], flags: list[str]) -> None:
    """A malformed problem is one line on standard error that names the path, nothing on standard output, exit 2."""
    code, out, err = joulecut_plan(written(tmp_path, max_accuracy_loss=-1), *flags)
    assert (code, out) == (2, "")
    assert err.startswith("error: max_accuracy_loss: -1.0; expected")
    assert err.count("\n") == 1
    code, out, err = joulecut_plan(str(tmp_path / "missing.json"), *flags)
    assert (code, out) == (2, "")
    assert "missing.json: no such file" in err


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
