"""How programs end."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile

import pytest

from joulecut_core.errors import JoulecutError, LinkError, ProblemError
from joulecut_core.programs import run_program


def test_success_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that returns exits 0 and adds nothing to its output."""
    assert run_program(lambda: None) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("error", "code"), [(ProblemError, 2), (LinkError, 5), (JoulecutError, 1)])
def test_an_error_is_one_line_and_a_code(
    error: type[JoulecutError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many lines the message has, the user sees one, on standard error, without a traceback.

    Another host may have written it: nothing in it steers the terminal.
    """

    def program() -> None:
        raise error("link.rtt_s: -1;\n   expected 0 or \x1b[2Jmore")

    assert run_program(program) == code
    assert capsys.readouterr() == ("", "error: link.rtt_s: -1; expected 0 or \\x1b[2Jmore\n")


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, 2), (errno.ELOOP, 2), (errno.EIO, 1), (errno.ENOENT, 1)])
def test_what_the_system_says_of_a_file_is_told_by_its_name(
    number: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no defect; where starting again cannot mend it, it is bad input."""

    def program() -> None:
        raise OSError(number, os.strerror(number), "some/file")

    assert run_program(program) == code
    assert capsys.readouterr().err.startswith(f"error: some/file: {os.strerror(number)}; ")


@pytest.mark.parametrize(("library", "extras"), [("torch", "agents,torch"), ("grpc", "agents"), ("google", "agents")])
def test_a_library_of_an_extra_that_is_missing_is_told_with_what_brings_it(
    library: str, extras: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plain install has the planner alone, and a Jetson's environment may not see its vendor's torch."""

    def program() -> None:
        raise ModuleNotFoundError(f"No module named '{library}'", name=library)

    assert run_program(program) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"error: this needs {library}, which is not installed; ")
    assert f"`pip install 'joulecut[{extras}]'`" in told.err


@pytest.mark.parametrize("name", [None, "joulecut_core.lost", "torch.lost"])
def test_another_missing_module_keeps_its_traceback(name: str | None) -> None:
    """One of joulecut's own, or a part of a library that is there, is a defect or a damaged installation."""

    def program() -> None:
        raise ModuleNotFoundError("No module named that", name=name)

    with pytest.raises(ModuleNotFoundError):
        run_program(program)


@pytest.mark.parametrize("name", [None, 7])
def test_what_the_system_says_of_no_file_keeps_its_traceback(name: int | None) -> None:
    """There is nothing to tell that a user could mend."""

    def program() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor", name)

    with pytest.raises(OSError, match="Bad file descriptor"):
        run_program(program)


def test_a_closed_standard_error_leaves_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a service manager has it that wants no words: what it does next depends on the code."""
    monkeypatch.setattr(sys, "stderr", None)

    def program() -> None:
        raise ProblemError("link.rtt_s: -1")

    assert run_program(program) == 2


def test_an_interrupt_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is no defect: the status that a shell gives to what SIGINT ends, and no traceback."""

    def program() -> None:
        raise KeyboardInterrupt

    assert run_program(program) == 130
    assert capsys.readouterr() == ("", "")


def test_a_defect_keeps_its_traceback() -> None:
    """What joulecut did not raise on purpose is not dressed up as bad input."""

    def program() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_program(program)


def test_a_thread_that_hangs_keeps_nobody_alive() -> None:
    """Ended at once, a program tells its error and its status all the same."""
    program = (
        "import threading\n"
        "from joulecut_core.errors import DeviceError\n"
        "from joulecut_core.programs import end_at_once\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "end_at_once(DeviceError('it hangs'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (4, "", "error: it hangs\n")


def test_want_of_a_temporary_folder_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full or read-only disk is no defect; it may have room at the next start."""

    def none() -> list[str]:
        return []

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", none)
    assert run_program(tempfile.mkdtemp) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: No usable temporary directory found in []; ")
    assert said.count("\n") == 1
