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


def test_right_programs_pass_and_wrong_ones_do_not(tmp_path: Path) -> None:
    """Under the strictest settings. The lazily loaded names carry real types: a wrong use of each is an error.

    Both programs at once, since the checker takes its time to load what they import.
    """
    pytest.importorskip("mypy", reason="mypy is not installed")
    wrong = tmp_path / "program.py"
    wrong.write_text(_WRONG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(USER), str(wrong)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith(str(wrong)) for line in lines), done.stdout
    assert any("Connection" in line and "int" in line for line in lines)
    assert any("Plan" in line and "str" in line for line in lines)


def test_a_users_program_names_what_exists() -> None:
    """Names under `if TYPE_CHECKING` could be of nothing."""
    importlib.import_module("tests.typing.api")
