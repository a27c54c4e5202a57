"""Installing by uv looks where pip would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.scripts.loading import loaded

SCRIPT = ROOT / "scripts" / "uv-pip"
LISTED = """\
:env:.find-links='/opt/wheels'
global.cert='/etc/ssl/site.pem'
global.extra-index-url='https://a.example/simple https://b.example/simple'
global.find-links='\\n/opt/wheels\\n/opt/more'
global.index-url='https://mirror.example/simple'
global.timeout='60'
install.trusted-host='a.example'
"""


def test_uv_is_told_where_pip_looks() -> None:
    """Every place once, by uv's own options, from whichever source pip has it."""
    script = loaded(SCRIPT)
    wanted = script.settings(LISTED)
    assert wanted["cert"] == ["/etc/ssl/site.pem"]
    assert script.places(wanted) == [
        "--default-index=https://mirror.example/simple",
        "--index=https://a.example/simple",
        "--index=https://b.example/simple",
        "--find-links=/opt/wheels",
        "--find-links=/opt/more",
        "--allow-insecure-host=a.example",
        "--index-strategy=unsafe-best-match",
    ]
    assert script.places(script.settings("")) == ["--index-strategy=unsafe-best-match"]


PYTHON = """#!/bin/sh
case "$1 $2" in "-m pip" | "-m uv") ;; *) exec {python} {prefix}/as_if.py "$0" {prefix} "$@" ;; esac
echo "$*" >>{prefix}/calls
case "$*" in {failing}) exit 1 ;; esac
"""
AS_IF = """
import runpy, sys
_, sys.executable, sys.prefix, *sys.argv = sys.argv
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _calls(
    folder: Path, *, failing: str = "nothing", config: str = "include-system-site-packages = false"
) -> list[str]:
    """What the script starts in an environment whose pip and uv do nothing; those that match `failing` fail."""
    python, calls = folder / "python", folder / "calls"
    (folder / "pyvenv.cfg").write_text(config)
    (folder / "as_if.py").write_text(AS_IF)
    python.write_text(PYTHON.format(python=sys.executable, prefix=folder, failing=failing))
    python.chmod(0o755)
    subprocess.run([python, SCRIPT, "install", "--no-deps", "x==1"], check=True, env={**os.environ, "LC_ALL": "C"})
    return [line.removeprefix("-m ") for line in calls.read_text().splitlines()]


def test_uv_does_it(tmp_path: Path) -> None:
    """Into the environment of the Python that was asked."""
    *_, last = _calls(tmp_path)
    assert last == f"uv pip install --python={tmp_path / 'python'} --index-strategy=unsafe-best-match --no-deps x==1"


@pytest.mark.parametrize("failing", ["*--quiet*uv", "*'uv pip'*"])
def test_pip_goes_on_where_uv_does_not_get_through(failing: str, tmp_path: Path) -> None:
    """No uv in the index, or an index that it does not know."""
    assert _calls(tmp_path, failing=failing)[-1] == "pip install --no-compile --no-deps x==1"


def test_beside_a_systems_packages_pip_is_asked_at_once(tmp_path: Path) -> None:
    """uv does not see the torch that a Jetson's vendor put there."""
    calls = _calls(tmp_path, config="include-system-site-packages = true")
    assert calls == ["pip install --no-compile --no-deps x==1"]


def test_other_commands_of_pip_are_refused() -> None:
    """It installs, and nothing else."""
    refused = subprocess.run([sys.executable, SCRIPT, "freeze"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (1, f"usage: {SCRIPT} install ARGUMENTS\n")
