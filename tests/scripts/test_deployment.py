"""What deploy/ ships, in the eyes of the programs that will read it; and that those eyes see faults."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.architecture.tree import ROOT
from tests.scripts.loading import loaded
from tests.thoroughness import THOROUGH

SCRIPT = ROOT / "scripts" / "deployment"


@pytest.fixture(name="deployment", scope="module")
def _deployment() -> ModuleType:
    return loaded(SCRIPT)


@pytest.fixture(name="deploy")
def _deploy(tmp_path: Path) -> Path:
    """A copy of what is shipped, beside copies of nothing else."""
    return Path(shutil.copytree(ROOT / "deploy", tmp_path / "deploy"))


@pytest.mark.parametrize("check", ["units", "envoy", "containers", "kubernetes"])
def test_what_is_shipped_is_sound(deployment: ModuleType, check: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each program takes its files as they stand; one that is not installed is said to be missing."""
    code = deployment.main([check])
    said = capsys.readouterr().out
    assert code == 0, said
    assert said.startswith(f"{check}: ")


def _replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


_FAULTS: list[tuple[str, str | None, str, Callable[[Path], None]]] = [
    (
        "units",
        "systemd-analyze",
        "NoNewPrivilege",
        lambda deploy: _replaced(deploy / "systemd/joulecut-edge.service", "NoNewPrivileges", "NoNewPrivilege"),
    ),
    (
        "units",
        "systemd-analyze",
        "exposure",
        lambda deploy: _replaced(deploy / "systemd/joulecut-server.service", "SystemCallFilter=@system-service\n", ""),
    ),
    (
        "envoy",
        "envoy",
        "no_such_field",
        lambda deploy: _replaced(deploy / "envoy/envoy.yaml", "strict:", "no_such_field:"),
    ),
    (
        "envoy",
        "envoy",
        "eprecated",
        lambda deploy: _replaced(
            deploy / "envoy/pass-through.yaml", "    connect_timeout", "    dns_refresh_rate: 5s\n    connect_timeout"
        ),
    ),
    (
        "containers",
        "hadolint",
        "DL3002",
        lambda deploy: _replaced(deploy / "containers/cuda.Dockerfile", "USER 10001:10001", "USER root"),
    ),
    (
        "containers",
        None,
        "no stage broker",
        lambda deploy: _replaced(deploy / "containers/compose.yaml", "target: edge", "target: broker"),
    ),
    (
        "containers",
        None,
        "elsewhere.toml, which does not exist",
        lambda deploy: _replaced(deploy / "containers/compose.yaml", "./edge.toml", "./elsewhere.toml"),
    ),
    (
        "kubernetes",
        "kubernetes-validate",
        "replica",
        lambda deploy: _replaced(deploy / "kubernetes/base/autoscaler.yaml", "minReplicas", "replicas"),
    ),
]
_LOOKED_AT = _FAULTS if THOROUGH else [each for each in _FAULTS if each[0] != "kubernetes"]
"""A wrong manifest has a test below, and the program that finds it takes seconds."""


@pytest.mark.parametrize(
    ("check", "program", "complaint", "break_it"), _LOOKED_AT, ids=[each[2] for each in _LOOKED_AT]
)
def test_faults_are_seen(
    deployment: ModuleType,
    deploy: Path,
    check: str,
    program: str | None,
    complaint: str,
    break_it: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A planted fault of each kind fails the check, with the reason."""
    if program is not None and deployment.program(program) is None:
        pytest.skip(f"{program} is not installed")
    break_it(deploy)
    assert deployment.main([check, "--deploy", str(deploy)]) == 1
    assert complaint in capsys.readouterr().out


def test_single_manifests_are_checked_without_kubectl(
    deployment: ModuleType, deploy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can put overlays together, their files are still held against the schemas."""
    if deployment.program("kubernetes-validate") is None:
        pytest.skip("kubernetes-validate is not installed")
    found = deployment.program
    monkeypatch.setattr(deployment, "program", lambda name: None if name == "kubectl" else found(name))
    _replaced(deploy / "kubernetes/overlays/nvidia/clockd.yaml", "priorityClassName", "priority_class")
    assert deployment.main(["kubernetes", "--deploy", str(deploy)]) == 1
    said = capsys.readouterr().out
    assert "skipped: kubectl" in said
    assert "priority_class" in said


def test_an_unknown_check_is_refused(deployment: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name does not pass for a check that found nothing."""
    with pytest.raises(SystemExit):
        deployment.main(["helm"])
    assert "units, envoy, containers, kubernetes" in capsys.readouterr().err
