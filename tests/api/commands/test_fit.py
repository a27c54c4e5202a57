"""`joulecut fit`: predictions in the grid's order, an account as JSON, and the contract's refusals."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from joulecut.commands.fit import fit
from joulecut_core.programs import run_program
from tests.planner.fits.boards import CORES_MHZ, latency_s, power_w

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="joulecut_fit")
def _joulecut_fit(capsys: pytest.CaptureFixture[str]) -> Run:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(fit)

    def run(*arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        with pytest.raises(SystemExit) as ended:
            raise SystemExit(run_program(lambda: app(list(arguments))))
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


def written(path: Path, cores_mhz: list[float], *, power: bool = True, slow_mhz: float = 0.0) -> str:
    """Measurements of the made-up board; one clock may run at half its label."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["series", "core_mhz", "memory_mhz", "latency_s", "power_w", "power_scope", "clock_kind"])
        for core in cores_mhz:
            seconds = latency_s(core / 2 if core == slow_mhz else core)
            writer.writerow(["made-up", core, "", seconds, power_w(core) if power else "", "module", "locked"])
    return str(path)


def predicted(path: Path) -> list[dict[str, str]]:
    """The rows of a prediction file."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_predictions(tmp_path: Path, joulecut_fit: Run) -> None:
    """Every row of the grid in its order, values in place of what was measured, a band around the latency."""
    calibration = written(tmp_path / "c.csv", [306.0, 510.0, 816.0, 1020.0])
    grid = written(tmp_path / "g.csv", list(CORES_MHZ[::-1]))
    out = tmp_path / "p.csv"
    code, text, err = joulecut_fit(calibration, "--predict", grid, "--out", str(out))
    assert (code, err) == (0, "")
    assert "8 points predicted, 0 of them extrapolated" in text
    rows = predicted(out)
    assert [float(row["core_mhz"]) for row in rows] == list(CORES_MHZ[::-1])
    for row in rows:
        core = float(row["core_mhz"])
        assert float(row["latency_s"]) == pytest.approx(latency_s(core), rel=0.01)
        assert float(row["power_w"]) == pytest.approx(power_w(core), rel=0.02)
        assert float(row["latency_low_s"]) < float(row["latency_s"]) < float(row["latency_high_s"])
        assert row["suspect"] == "0"


def test_json(tmp_path: Path, joulecut_fit: Run) -> None:
    """Only JSON on standard output; a false clock is told there and marked in the file, alone."""
    calibration = written(tmp_path / "c.csv", list(CORES_MHZ), slow_mhz=612.0)
    out = tmp_path / "p.csv"
    code, text, err = joulecut_fit(calibration, "--predict", calibration, "--out", str(out), "--json")
    assert (code, err) == (0, "")
    document = json.loads(text)
    assert document["schema"] == "joulecut.fit/1"
    assert [rejected["core_mhz"] for rejected in document["rejected"]] == [612.0]
    assert [row["suspect"] for row in predicted(out)] == ["0", "0", "0", "1", "0", "0", "0", "0"]


def test_without_power(tmp_path: Path, joulecut_fit: Run) -> None:
    """What the calibration has not is left empty, whatever the grid says."""
    calibration = written(tmp_path / "c.csv", list(CORES_MHZ), power=False)
    grid = written(tmp_path / "g.csv", [500.0])
    out = tmp_path / "p.csv"
    code, _, _ = joulecut_fit(calibration, "--predict", grid, "--out", str(out))
    (row,) = predicted(out)
    assert (code, row["power_w"]) == (0, "")
    assert float(row["latency_s"]) == pytest.approx(latency_s(500.0), rel=0.01)


def test_measurements_are_not_written_over(tmp_path: Path, joulecut_fit: Run) -> None:
    """They may have cost an afternoon on a board, and predictions cost a second."""
    calibration = written(tmp_path / "c.csv", [306.0, 612.0, 1020.0])
    before = Path(calibration).read_bytes()
    code, text, err = joulecut_fit(calibration, "--predict", written(tmp_path / "g.csv", [500.0]), "--out", calibration)
    assert (code, text, Path(calibration).read_bytes()) == (2, "", before)
    assert "is read as well; expected another file for the predictions" in err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_too_few_clocks(tmp_path: Path, joulecut_fit: Run, flags: list[str]) -> None:
    """Two distinct core clocks: one line on standard error, nothing on standard output, no file, exit 2."""
    calibration = written(tmp_path / "c.csv", [306.0, 306.0, 1020.0])
    out = tmp_path / "p.csv"
    code, text, err = joulecut_fit(calibration, "--predict", calibration, "--out", str(out), *flags)
    assert (code, text) == (2, "")
    assert "2 distinct core clocks" in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_two_series(tmp_path: Path, joulecut_fit: Run) -> None:
    """Two series in one file are refused by name, and an older prediction is left as it was."""
    calibration = Path(written(tmp_path / "c.csv", list(CORES_MHZ)))
    calibration.write_text(
        calibration.read_text(encoding="utf-8").replace("made-up,306", "other,306"), encoding="utf-8"
    )
    out = tmp_path / "p.csv"
    out.write_text("older", encoding="utf-8")
    code, text, err = joulecut_fit(str(calibration), "--predict", str(calibration), "--out", str(out))
    assert (code, text) == (2, "")
    assert "two or more series: made-up, other" in err
    assert out.read_text(encoding="utf-8") == "older"
