"""`joulecut reproduce han2025` from start to end: the shipped measurements, emulated boards, executed plans."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from joulecut.commands.reproduce import reproduce
from joulecut_core.programs import run_program
from tests.e2e.pair import write_trained


@pytest.fixture(name="cache", scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the demo's network as the demo packs it."""
    cache = tmp_path_factory.mktemp("cache")
    write_trained(cache / "joulecut")
    return cache


def run(*arguments: str) -> int:
    """The exit code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(reproduce)
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(run_program(lambda: app(list(arguments))))
    return int(ended.value.code or 0)


def test_from_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON on standard output and a folder; joulecut keeps every deadline that it promised, and costs no more."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    assert run("han2025", "--json", "--out", str(tmp_path / "out")) == 0
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"index.html", "summary.csv", "local_choices.png"}
    assert "wrote" in output.err
    plans = result["cooperative"]
    for cpu, ours in zip(plans[::2], plans[1::2], strict=True):
        assert (cpu["model"], ours["model"]) == ("cpu-dvfs", "dvfs-aware")
        assert ours["expected_latency_s"] == pytest.approx(ours["latency_s"], rel=0.05)
        assert ours["expected_energy_j"] == pytest.approx(ours["energy_j"], rel=0.05)
        assert not (ours["missed"] and ours["status"] == "optimal")
        if not cpu["missed"]:
            assert ours["energy_j"] <= 1.01 * cpu["energy_j"]
    assert any(cpu["cut"] != ours["cut"] for cpu, ours in zip(plans[::2], plans[1::2], strict=True))
    local = [row for row in result["local"] if row["model"] == "joulecut"]
    assert {row["latency_kind"] for row in local} == {"measured", "emulated"}
    assert not any(row["missed"] for row in local)
    assert max(row["cost_excess"] for row in local) < 0.05


def test_wrong_data_folder(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without known files ends with exit code 2 and nothing on standard output."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (tmp_path / "empty").mkdir()
    assert run("han2025", "--data", str(tmp_path / "empty")) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "none of the known files" in output.err
