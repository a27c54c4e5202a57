"""The programs' very first moments."""

from __future__ import annotations

import subprocess
import sys

import pytest

from joulecut import entry
from joulecut_core.exits import ExitCode

_INTERRUPTED_WHILE_LOADING = """
import os, signal, sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
from joulecut import entry
entry.{program}()
"""


@pytest.mark.parametrize(
    ("program", "module"),
    [
        ("main", "joulecut.cli"),
        ("main", "joulecut.commands.run"),
        ("main", "rich.markup"),
        ("edge_agent", "joulecut_edge.config"),
        ("server_agent", "joulecut_server.config"),
    ],
)
def test_an_interrupt_while_commands_are_loaded_is_one_line(program: str, module: str) -> None:
    """Ctrl-C before the command line is read ends with the status of an interrupt, and shows no traceback."""
    code = _INTERRUPTED_WHILE_LOADING.format(program=program, module=module)
    done = subprocess.run(
        [sys.executable, "-c", code, "version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "interrupted\n")


def test_next_to_nothing_is_loaded_before_interrupts_are_caught() -> None:
    """The module itself loads none of what takes long: whatever it did would be outside its guard."""
    code = (
        "import sys, joulecut.entry; print({'typer', 'rich', 'logging', 'joulecut_core', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"


def test_it_is_the_same_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands run, and end with their own status and line."""
    monkeypatch.setattr(sys, "argv", ["joulecut", "plan", "nothing.json"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == ExitCode.BAD_INPUT
    assert capsys.readouterr().err == "error: nothing.json: no such file\n"
