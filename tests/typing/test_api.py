"""Applications that are type-checked get the types that the face promises."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USER = Path("tests") / "typing" / "api.py"

_WRONG = """
import joulecut

edge: int = joulecut.connect("unix:/run/joulecut/edge.sock")
best: str = joulecut.solve(joulecut.load_problem("problem.json"))
"""


def _mypy(*arguments: str) -> tuple[int, str]:
    pytest.importorskip("mypy", reason="mypy is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_users_program_type_checks() -> None:
    """Under the strictest settings, and it names only what exists."""
    assert _mypy(str(USER)) == (0, "")
    importlib.import_module("tests.typing.api")


def test_mistakes_are_found(tmp_path: Path) -> None:
    """The lazily loaded names carry real types: a wrong use of each is an error in the user's editor."""
    program = tmp_path / "program.py"
    program.write_text(_WRONG)
    code, output = _mypy(str(program))
    assert code == 1
    lines = output.splitlines()
    assert any("Connection" in line and "int" in line for line in lines)
    assert any("Plan" in line and "str" in line for line in lines)
