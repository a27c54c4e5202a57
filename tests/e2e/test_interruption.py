"""Ctrl-C on long commands, as real processes: the status of an interrupt, what is kept, and going on from there."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from joulecut_core.exits import ExitCode
from joulecut_planner.serving.service_file import save_service_table
from tests.api.simulation.made_up import TABLE
from tests.e2e.pair import Packed
from tests.warm.programs import WarmPrograms

pytestmark = pytest.mark.e2e

_PATIENCE_S = 600.0
NETWORK = """
from torch import nn

def small():
    layers = [layer for _ in range(4) for layer in (nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
"""
DEVICE = ("--device", "emulated:orin-nano-super")


@pytest.fixture(name="warmly")
def _warmly(warm: WarmPrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a journal, or what is left behind, is the matter; one command starts cold, as from a user's shell."""
    monkeypatch.setattr(sys, "executable", str(warm.path / "python"))


@pytest.fixture(autouse=True)
def _network(tmp_path: Path) -> None:
    (tmp_path / "small_networks.py").write_text(NETWORK, encoding="utf-8")


def started(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`joulecut` in a folder, with its output."""
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("joulecut")), *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / "cache"), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted(folder: Path, journal: str, *arguments: str) -> str:
    """What the command says on standard error when it is interrupted once its journal holds something."""
    process = started(folder, *arguments)
    path, deadline = folder / journal, time.monotonic() + _PATIENCE_S
    while not (path.is_file() and len(path.read_text(encoding="utf-8")) > 3000):
        assert time.monotonic() < deadline, "nothing is kept yet"
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == ExitCode.INTERRUPTED
    assert out == ""
    assert "Traceback" not in err
    return err.splitlines()[-1]


def finished(folder: Path, command: str) -> tuple[str, str]:
    """Runs the command that an interruption named; what it says."""
    program, *arguments = shlex.split(command)
    assert program == "joulecut"
    process = started(folder, *arguments)
    out, err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0, err
    return out, err


@pytest.mark.usefixtures("warmly")
def test_a_profile_goes_on(tmp_path: Path) -> None:
    """Operating points that were measured are kept; the command that it names measures the rest."""
    packing = started(tmp_path, "pack", "small_networks:small", "--input", "1x3x32x32", "--out", "bundle", "--json")
    out, err = packing.communicate(timeout=_PATIENCE_S)
    assert packing.returncode == 0, err
    assert json.loads(out)["bundle"] == "bundle"
    # The rate comes after the clocks, and makes it long.
    arguments = ("profile", "bundle", *DEVICE, "--side", "edge", "--out", "p.json", "--json", "--rate-hz", "1")
    said = interrupted(tmp_path, "p.json.journal", *arguments)
    kept, _, command = said.partition("; go on with: ")
    assert "operating points are kept in p.json.journal" in kept
    out, err = finished(tmp_path, command)
    document = json.loads(out)
    assert document["resumed_points"] >= 1
    assert document["profile"] == "p.json"
    assert "█" not in err
    assert not (tmp_path / "p.json.journal").exists()


@pytest.mark.usefixtures("warmly")
def test_a_study_goes_on(tmp_path: Path) -> None:
    """Cells that were measured are kept; the command that it names has --resume and measures the rest."""
    arguments = ("study", "small_networks:small", "--device", "emulated:t4", "--input", "f32:1x3x32x32", "--quick")
    said = interrupted(tmp_path, "out/study.journal", *arguments, "--out", "out", "--engines", "eager", "--json")
    kept, _, command = said.partition("; go on with: ")
    assert "measured cells are kept in out/study.journal" in kept
    assert command.endswith(" --resume")
    out, err = finished(tmp_path, command)
    assert "resumed: " in err
    assert json.loads(out)["schema"] == "joulecut.study/1"
    assert not (tmp_path / "out" / "study.journal").exists()


def test_a_simulation_goes_on(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Runs that had ended are kept, and are not run again."""
    save_service_table(TABLE, tmp_path / "table.json")
    arguments = ("simulate", "--trace", "poisson", "--requests", "1500", "--tables", "table.json", "--out", "out")
    loads = ("--utilisation", "0.3,0.5,0.7", "--policy", "fixed,joulecut", "--json")
    said = interrupted(tmp_path, "out/simulation.journal", *arguments, *loads)
    kept, _, command = said.partition("; go on with: ")
    assert "finished parts are kept in out/simulation.journal" in kept
    request.getfixturevalue("warmly")
    out, err = finished(tmp_path, command)
    assert "resumed: " in err
    assert len(json.loads(out)["runs"]) == 6
    assert not (tmp_path / "out" / "simulation.journal").exists()


@pytest.mark.usefixtures("warmly")
def test_a_demo_leaves_nothing_behind(tmp_path: Path, packed: Packed) -> None:
    """SIGTERM, as Ctrl-C, with both agents up: they end, no page is half there, how to begin again is said."""
    shutil.copytree(packed.bundle, tmp_path / "cache" / "joulecut" / packed.bundle.name)
    (tmp_path / "tmp").mkdir()
    process = started(tmp_path, "demo", "--html", "page.html", TMPDIR=str(tmp_path / "tmp"))
    agents = agents_of(process, tmp_path / "tmp")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=_PATIENCE_S)
    assert (process.returncode, out) == (ExitCode.INTERRUPTED, "")
    assert err.splitlines()[-1] == "interrupted: nothing is kept of a demo; go on with: joulecut demo --html page.html"
    assert "Traceback" not in err
    assert not (tmp_path / "page.html").exists()
    assert list((tmp_path / "tmp").glob("joulecut-*")) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in agents)


@pytest.mark.usefixtures("warmly")
def test_a_reproduction_leaves_nothing_behind(tmp_path: Path) -> None:
    """Seconds of work are not kept: no folder of half the files, and the command to begin again is named."""
    process = started(tmp_path, "reproduce", "han2025", "--out", "out")
    deadline = time.monotonic() + _PATIENCE_S
    while not any((tmp_path / "cache").glob("**/*.json")):
        assert time.monotonic() < deadline, "nothing is measured yet"
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=_PATIENCE_S)
    assert (process.returncode, out) == (ExitCode.INTERRUPTED, "")
    assert err.splitlines()[-1].endswith("go on with: joulecut reproduce han2025 --out out")
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def agents_of(process: subprocess.Popen[str], folder: Path) -> list[int]:
    """The agents of a demo once both are ready, by their process ids."""
    deadline = time.monotonic() + _PATIENCE_S
    while len(ready := list(folder.glob("**/*.ready.json"))) < 2:
        assert time.monotonic() < deadline, "the agents are not ready yet"
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return [json.loads(path.read_text(encoding="utf-8"))["pid"] for path in ready]
