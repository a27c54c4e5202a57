"""The programs' very first moments."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize(
    ("program", "module"), [("edge_agent", "joulecut_edge.config"), ("server_agent", "joulecut_server.config")]
)
def test_an_agent_that_still_loads_hears_of_its_stop(program: str, module: str) -> None:
    """As the first process of a container, too, for which SIGTERM means nothing but what it says that it does."""
    code = _INTERRUPTED_WHILE_LOADING.format(program=program, module=module).replace("SIGINT", "SIGTERM")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, "", "")


_RELOADED_WHILE_LOADING = """
import os, signal, sys, types

class Reload:
    def find_spec(self, name, path=None, target=None):
        if name == "joulecut_server.config":
            os.kill(os.getpid(), signal.SIGHUP)

async def run_agent(config, **words):
    os.kill(os.getpid(), signal.SIGHUP)
    print("serves")

sys.meta_path.insert(0, Reload())
agent = sys.modules["joulecut_server.agent"] = types.ModuleType("agent")
agent.run_agent = run_agent
from joulecut import entry
entry.server_agent()
"""


@pytest.mark.parametrize(
    ("option", "ending"), [("--config=server.toml", (ExitCode.OK, "serves\n")), ("--name=a", (-signal.SIGHUP, ""))]
)
def test_a_reload_of_a_server_that_still_loads_ends_nothing(
    tmp_path: Path, option: str, ending: tuple[int, str]
) -> None:
    """With a file, which it reads later anyway; without one it is the end of a terminal, and ends it all the same."""
    (tmp_path / "server.toml").write_text("", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _RELOADED_WHILE_LOADING, "--device=emulated:t4", "--bundle=b", option],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == ending, done.stderr


@pytest.mark.parametrize("program", ["edge_agent", "server_agent"])
def test_no_library_that_an_agent_loads_catches_an_interrupt(program: str) -> None:
    """As torch does, whose C++ ends the process with SIGABRT for it."""
    code = _INTERRUPTED_WHILE_LOADING.format(program=program, module="numpy").replace(
        "os.kill(os.getpid(), signal.SIGINT)",
        "\n            try: os.kill(os.getpid(), signal.SIGINT)\n            except KeyboardInterrupt: os.abort()",
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "interrupted\n")


def test_next_to_nothing_is_loaded_before_interrupts_are_caught() -> None:
    """The module itself loads none of what takes long: whatever it did would be outside its guard."""
    code = (
        "import sys, joulecut.entry; print({'typer', 'rich', 'logging', 'joulecut_core', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("program", ["edge_agent", "server_agent"])
def test_an_agent_in_a_folder_that_is_gone_says_so(tmp_path: Path, program: str) -> None:
    """As in the shell of somebody whose old version was just removed: torch would end it in mid-start, or fail."""
    code = f"import os; from joulecut import entry; os.rmdir({str(tmp_path)!r}); entry.{program}()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (ExitCode.BAD_INPUT, "")
    assert done.stderr == "error: the working directory has been deleted; change to one that is there\n"


_CLOSED = """
import os, sys
from joulecut import entry
for number in (0, 1):
    os.close(number)
sys.argv[1:] = ["--version"]
try:
    entry.{program}()
finally:
    sys.stderr.write(" ".join(os.readlink(f"/proc/self/fd/{{number}}") for number in (0, 1)))
"""


@pytest.mark.parametrize("program", ["main", "edge_agent", "server_agent"])
def test_nothing_is_opened_in_the_place_of_a_closed_stream(program: str) -> None:
    """A socket there would get what libraries write to standard error, and end an agent with the event loop's abort."""
    done = subprocess.run(
        [sys.executable, "-c", _CLOSED.format(program=program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (ExitCode.OK, "/dev/null /dev/null")


def test_it_is_the_same_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Commands run, and end with their own status and line."""
    monkeypatch.setattr(sys, "argv", ["joulecut", "plan", "nothing.json"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == ExitCode.BAD_INPUT
    assert capsys.readouterr().err == "error: nothing.json: no such file\n"
