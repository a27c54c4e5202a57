"""`joulecut study` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from joulecut.commands.study import study
from joulecut_core.programs import run_program
from tests.api.study.tiny_networks import DEEP, INPUT, WIDE

DEVICE = ("--device", "emulated:t4", "--input", INPUT)


def run(*arguments: str) -> int:
    """The exit code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(study)
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(run_program(lambda: app(list(arguments))))
    return int(ended.value.code or 0)


def test_from_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON on standard output, files in the folder, no journal left; both clocks of a T4 are swept."""
    out = tmp_path / "out"
    assert run(DEEP, WIDE, *DEVICE, "--out", str(out), "--quick", "--json", "--revenue", "prompt") == 0
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert {row["batch"] for row in result["models"]} == {1, 8}
    assert len({row["requested_memory_mhz"] for row in result["models"]}) > 2
    assert result["revenue_name"] == "prompt"
    assert {path.name for path in out.iterdir()} >= {"index.html", "models.csv", "layers.csv", "findings.csv"}
    assert not (out / "study.journal").exists()
    assert "wrote" in output.err


def test_a_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json the summary is a text, with the settings that were asked for."""
    arguments = (DEEP, *DEVICE, "--out", str(tmp_path), "--batches", "2", "--clocks", "1590,", "--engines", "eager")
    assert run(*arguments, "--quick") == 0
    text = capsys.readouterr().out
    assert "emulated figures" in text
    assert "cannot be judged here" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--batches", "0"), 2, "a batch of 0"),
        (("--batches", "one"), 2, "expected whole numbers"),
        (("--engines", "tensorrt"), 2, "models neither TensorRT's kernel choice"),
        (("--revenue", "profit"), 2, "expected slo"),
        (("--clocks", "1,2"), 4, "not on the clock table"),
    ],
)
def test_wrong_orders(
    arguments: tuple[str, ...], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each ends with its exit code and one line, before anything is measured or written."""
    assert run(DEEP, *DEVICE, "--out", str(tmp_path / "out"), *arguments) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert message in " ".join(output.err.split())
    assert not (tmp_path / "out").exists()


def test_a_journal_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unfinished study is not thrown away for a forgotten --resume."""
    (tmp_path / "study.journal").write_text("{}\n", encoding="utf-8")
    assert run(DEEP, *DEVICE, "--out", str(tmp_path)) == 2
    assert "--resume" in capsys.readouterr().err
    assert (tmp_path / "study.journal").exists()
