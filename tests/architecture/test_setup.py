"""The commands of the first page: what make and the scripts do with their arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, name

SCRIPTS = [*sorted(each for each in (ROOT / "scripts").iterdir() if each.is_file()), ROOT / ".ci" / "run"]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def outside_make() -> dict[str, str]:
    """The environment without what a make that started the tests put there."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("ARGS", "MAKE", "MFLAGS", "TORCH", "VENV", "WORKERS"))
    }


def dry_run(*arguments: str, folder: Path = ROOT, up_to_date: bool = False) -> str:
    """What make would run; with `up_to_date`, as if the environment were."""
    installed = ["--assume-old=.venv/.installed", "--assume-old=.venv/.installed-demo"]
    options = ["--dry-run", *(installed if up_to_date else [])]
    command = ["make", "--no-print-directory", *options, *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=outside_make())
    return result.stdout


@needs_make
def test_demo_passes_its_arguments_on() -> None:
    """`make demo ARGS=...` is `joulecut demo ...` with one thread."""
    assert dry_run("demo", "ARGS=--json", up_to_date=True) == "OMP_NUM_THREADS=1 .venv/bin/joulecut demo --json\n"


@needs_make
def test_a_demo_alone_installs_what_it_needs(tmp_path: Path) -> None:
    """Neither linters nor Ray nor Envoy; where everything is there already, nothing more."""
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    wanted = dry_run("demo", folder=tmp_path)
    assert "--editable '.[dashboard,demo,report]'" in wanted
    assert "torchvision" not in wanted
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".installed").touch()
    assert "pip" not in dry_run("demo", folder=tmp_path)


@needs_make
def test_test_passes_its_arguments_on() -> None:
    """`make test ARGS=...` is `pytest ...` with one thread in each process, and a process per core unless told."""
    for workers, arguments in (("auto", ["ARGS=-x"]), ("3", ["ARGS=-x", "WORKERS=3"])):
        options = f"-n {workers} --maxprocesses 8 --dist worksteal -x"
        expected = f"PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 .venv/bin/python -m pytest {options}\n"
        assert dry_run("test", *arguments, up_to_date=True) == expected


FAKE_PYTHON = """#!/bin/sh
echo "$*" >>calls
case "$*" in
    *metadata*torchvision) exit 1 ;;
    *metadata*torch) test -e torch-is-there && echo "torch===2.5.0a0+nv24.8" ;;
    *"pip install"*"torch=="*) touch torch-is-there ;;
esac
"""


def install(folder: Path) -> list[str]:
    """Run `make install` in a folder whose environment is a recorder; returns the pip installs it asked for."""
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / file, folder)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(FAKE_PYTHON, encoding="utf-8")
    python.chmod(0o755)
    (folder / "calls").write_text("", encoding="utf-8")
    command = ["make", "install", f"PYTHON={sys.executable}"]
    subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=outside_make())
    return [line for line in (folder / "calls").read_text(encoding="utf-8").splitlines() if "pip install" in line]


@needs_make
def test_a_bare_machine_gets_torch_first(tmp_path: Path) -> None:
    """torch comes before the package, so that the package's open bound cannot choose another."""
    installs = install(tmp_path)
    assert installs[0].endswith("pip install torch==2.13.0")
    assert installs[1].endswith("--constraint .venv/torch.txt --editable .[dev]")
    assert installs[2].endswith("pip install --no-deps torchvision==0.28.0")


@needs_make
def test_a_vendors_torch_stays(tmp_path: Path) -> None:
    """Where there is a torch none is installed, and pip is held to exactly that one."""
    (tmp_path / "torch-is-there").touch()
    assert not [line for line in install(tmp_path) if "torch==2" in line]
    assert (tmp_path / ".venv" / "torch.txt").read_text(encoding="utf-8") == "torch===2.5.0a0+nv24.8\n"


@needs_make
def test_a_second_run_installs_nothing_until_the_project_changes(tmp_path: Path) -> None:
    """Up to date means no pip, hence no network; a new dependency is fetched."""
    assert install(tmp_path)
    stamp = tmp_path / ".venv" / ".installed"
    os.utime(tmp_path / "pyproject.toml", (0, 0))
    assert "pip" not in dry_run("demo", "test", "check", "install", folder=tmp_path)
    later_s = stamp.stat().st_mtime + 10
    os.utime(tmp_path / "pyproject.toml", (later_s, later_s))
    assert "pip install" in dry_run("test", folder=tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_scripts_can_be_started(script: Path) -> None:
    """A script has its mark and its first line."""
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").startswith("#!")


def test_check_refuses_unknown_options() -> None:
    """A slip must not be taken for "check less"."""
    result = subprocess.run([ROOT / "scripts" / "check", "--no-test"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "--no-test" in result.stderr


@pytest.mark.parametrize(("tests", "rest", "status"), [(0, 0, 0), (2, 0, 1), (0, 1, 1), (2, 1, 1)])
def test_ci_runs_the_tests_and_the_rest(tests: int, rest: int, status: int, tmp_path: Path) -> None:
    """CI is `make test` beside `scripts/check --no-tests`, in one environment; both end, and any failure is CI's."""
    programs = {".ci/run": "", "bin/make": f"test $1 = install || exit {tests}", "scripts/check": f"exit {rest}"}
    for path, script in programs.items():
        program = tmp_path / path
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$0 $1" >>calls\necho "output of $0"\n{script}\n', encoding="utf-8")
        program.chmod(0o755)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        [tmp_path / ".ci" / "run"], check=False, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert result.returncode == status
    make = tmp_path / "bin" / "make"
    first, *beside = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert first == f"{make} install"
    assert sorted(beside) == [f"{make} test", "scripts/check --no-tests"]
    assert result.stdout.splitlines() == [*[f"output of {make}"] * 2, "output of scripts/check"]
