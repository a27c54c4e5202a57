"""The first commands of the first page and the quickstart as a reader types them: make, then a class of theirs."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_setup import needs_make, outside_make
from tests.architecture.tree import ROOT, name
from tests.docs.pages.blocks import Fate, blocks
from tests.docs.pages.presumed import module_of_the_reader
from tests.thoroughness import THOROUGH

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("started_warm")]

_PATIENCE_S = 900.0
_INSTEAD = 'echo "$OMP_NUM_THREADS thread: $*"'
"""What the clone's program does unless tests are thorough: demo and run take long, and have tests of their own."""
_SHOWN = (
    {"demo": "the joint plan (", "run": "Energies and latencies are emulated"}
    if THOROUGH
    else {word: f"1 thread: {word}" for word in ("demo", "run")}
)


def _lines() -> list[str]:
    """The command lines of the blocks that name this test, each once."""
    this = name(Path(__file__))
    pages = (ROOT / "README.md", ROOT / "docs" / "tutorial-quickstart.md")
    marked = (block for page in pages for block in blocks(page) if block.fate is Fate.ELSEWHERE)
    written = [line for block in marked if this in block.detail for line in block.body.splitlines()]
    return list(dict.fromkeys(line.partition(" #")[0].rstrip() for line in written))


def _clone(folder: Path) -> None:
    """A clone after its first installation, whose program does less than it could unless tests are thorough."""
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / file, folder)
    program = folder / ".venv" / "bin" / "joulecut"
    program.parent.mkdir(parents=True)
    installed = shlex.quote(str(Path(sys.executable).with_name("joulecut")))
    body = f'exec {installed} "$@"' if THOROUGH else _INSTEAD
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    (folder / ".venv" / ".installed-demo").touch()
    written = subprocess.run(["/bin/sh", "-euc", module_of_the_reader()], cwd=folder, check=False)
    assert written.returncode == 0


@pytest.mark.timeout(1000)  # metering takes its time, and a busy host is given twice and twice again of it
@needs_make
@pytest.mark.parametrize("line", _lines())
def test_a_line_does_what_the_page_says(line: str, tmp_path: Path) -> None:
    """Word for word, nothing installed anew; the tables come, and the page that was asked for."""
    _clone(tmp_path)
    done = subprocess.run(
        ["/bin/sh", "-euc", line],
        cwd=tmp_path,
        env={**outside_make(), "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (shown,) = (text for word, text in _SHOWN.items() if word in line.split())
    assert shown in " ".join(done.stdout.split())
    assert "pip" not in done.stdout
    if "--html" in line:
        page = tmp_path / "demo.html"
        assert page.is_file() if THOROUGH else done.stdout.endswith("demo --html demo.html\n")


def test_the_first_page_begins_with_make() -> None:
    """Both pages' first command, and the reader's own network after it, are among what is run."""
    lines = _lines()
    assert lines[0] == "make demo"
    assert any(line.startswith(".venv/bin/joulecut run ") for line in lines)
    assert any(line.startswith("make demo ARGS=") for line in lines)
