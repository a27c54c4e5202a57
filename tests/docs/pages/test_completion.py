"""`--install-completion` as the page has it, in the shells that this host has: its files are this test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.docs.pages.blocks import blocks
from tests.docs.pages.command_lines import command_lines

(_BLOCK,) = (
    block for block in blocks(ROOT / "docs" / "how-to-command-line.md") if "--install-completion" in block.body
)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_a_new_shell_completes(tmp_path: Path) -> None:
    """The programs find out that bash runs them, and bash reads at its start what they have written."""
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }
    # The last line keeps bash alive: it would become the program before it.
    done = subprocess.run(
        ["bash", "-euc", f"{_BLOCK.body}\n:"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    asked = subprocess.run(
        ["bash", "-c", 'source "$HOME/.bashrc"; complete -p'],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    completed = {line.rsplit(maxsplit=1)[-1] for line in asked.stdout.splitlines()}
    assert completed >= {line.program for line in command_lines(_BLOCK)}
