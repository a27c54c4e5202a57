"""`joulecut doctor` from outside: as a program on made-up machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from joulecut.cli import app
from joulecut.diagnosis import diagnosis
from joulecut.diagnosis.finding import Area
from tests.fakes.jetson import FakeKernel, build
from tests.fakes.jetson.boards import ORIN_NANO_36
from tests.fakes.nvml import COMPILER, NO_COMPILER, FakeNvml

pytestmark = pytest.mark.usefixtures("started_warm")
INSTALLED = Path(sys.executable).with_name("joulecut")


def doctor(*arguments: object, environment: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Exit status and document of the program, run in a process of its own; a new one where libraries are faked."""
    program = Path(sys.executable).with_name("joulecut") if environment is None else INSTALLED
    done = subprocess.run(
        [program, "doctor", "--json", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment or dict(os.environ),
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def by_area(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The findings of a document."""
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in document["findings"]:
        found.setdefault(finding["area"], []).append(finding)
    return found


def test_a_jetson(tmp_path: Path) -> None:
    """Everything about a board without touching it; a CPU torch beside its GPU is the one problem here."""
    tree = build(tmp_path, ORIN_NANO_36)
    with FakeKernel(tree, poll_s=0.05) as kernel:
        before = kernel.writes.copy()
        status, document = doctor("--root", tree.root)
        assert kernel.writes == before
    found = by_area(document)
    assert document["schema"] == "joulecut.doctor/1"
    assert set(found) == {area.value for area in Area}
    assert [each["name"] for each in found["clocks"]] == [f"jetson:{tree.root}", f"cpu:{tree.root}"]
    assert found["clocks"][0]["facts"]["settable_by"] == "this process"
    assert found["device"][0]["facts"]["tegra"] is True
    assert all(each["remedy"] for each in document["findings"] if each["status"] in ("warning", "problem"))
    assert status == (1 if document["status"] == "problem" else 0)


@pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)
def test_a_gpu(tmp_path: Path) -> None:
    """Through the unmodified binding: driver, table, meter and the CUDA it runs; nothing is set."""
    fake = FakeNvml(tmp_path, ["h100"])
    status, document = doctor("--device", "nvml:0", environment=fake.environment())
    found = by_area(document)
    identity = next(each for each in found["device"] if each["name"] == "nvml:0")
    assert identity["facts"]["uid"] == fake.gpu.uuid
    assert found["clocks"][0]["facts"]["points"] > 100
    assert found["meter"][0]["facts"]["meter"] == "counter"
    assert not fake.journal
    assert status == (1 if document["status"] == "problem" else 0)


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    """Asked for by name, its absence is a problem and the exit status says so."""
    status, document = doctor("--device", "jetson", "--root", tmp_path)
    (device,) = [each for each in document["findings"] if each["name"] == f"jetson:{tmp_path}"]
    assert device["status"] == "problem"
    assert "not a Jetson" in device["what"]
    assert status == 1


def test_a_plain_install(tmp_path: Path) -> None:
    """Without torch, grpc, zeroconf and pynvml it still runs to its end, and names the extras."""
    for package in ("torch", "grpc", "zeroconf", "pynvml", "google"):
        (tmp_path / package).mkdir()
        code = f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')\n"
        (tmp_path / package / "__init__.py").write_text(code)
    status, document = doctor("--root", tmp_path, environment={**os.environ, "PYTHONPATH": str(tmp_path)})
    found = by_area(document)
    assert status == 0, document
    assert "not installed" in found["torch"][0]["what"]
    assert "joulecut[torch]" in found["torch"][0]["remedy"]
    (multicast,) = [each for each in found["network"] if each["name"] == "multicast"]
    assert "joulecut[agents]" in multicast["remedy"]


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's software in order, so that only devices decide."""
    monkeypatch.setattr(diagnosis, "_software_checks", lambda _: ())


@pytest.mark.usefixtures("calm")
def test_the_page_for_people(tmp_path: Path) -> None:
    """A host with nothing but a CPU: nothing is wrong, status 0; --verbose adds the facts."""
    plain = CliRunner().invoke(app, ["doctor", "--root", str(tmp_path)], env={"COLUMNS": "200"})
    assert plain.exit_code == 0, plain.output
    assert "Nothing is wrong." in plain.stdout
    assert "core_settable" not in plain.stdout


@pytest.mark.usefixtures("calm")
def test_a_configuration_that_no_agent_takes(tmp_path: Path) -> None:
    """A misspelt key is a problem with the key that was probably meant, and the exit status says so."""
    config = tmp_path / "server.toml"
    config.write_text('lisen = "x"\n')
    result = CliRunner().invoke(app, ["doctor", "--json", "--root", str(tmp_path), "--config", str(config)])
    assert result.exit_code == 1
    (finding,) = by_area(json.loads(result.stdout))["config"]
    assert finding["status"] == "problem"
    assert "server.toml: lisen: unknown key; did you mean 'listen'?" in finding["what"]
    assert "mend the file" in finding["remedy"]


@pytest.mark.usefixtures("calm")
def test_a_backend_with_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash while devices are looked for is a finding like any other."""

    def crash(*_: object) -> None:
        raise RuntimeError("segmented")

    monkeypatch.setattr(diagnosis, "find_devices", crash)
    result = CliRunner().invoke(app, ["doctor", "--json", "--root", str(tmp_path)])
    assert result.exit_code == 1
    (finding,) = by_area(json.loads(result.stdout))["device"]
    assert finding["what"] == "the check broke: RuntimeError: segmented"


def test_findings_follow_the_areas(tmp_path: Path) -> None:
    """However many devices there are, an area stands together."""
    found = diagnosis.diagnose(diagnosis.Surroundings(root=tmp_path, devices=("cpu", "emulated:l4")))
    areas = [finding.area for finding in found]
    assert areas == sorted(areas, key=list(Area).index)
    assert {finding.name for finding in found if finding.area is Area.CLOCKS} == {f"cpu:{tmp_path}", "emulated:l4"}
