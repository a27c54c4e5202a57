"""What a command says while it works: bars for people who watch, nothing for files and programs."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest
from rich.console import Console

from joulecut.long_work.progress import Narrator


def told(*, terminal: bool, as_json: bool = False, quiet: bool = False) -> str:
    """Everything that a narrator writes about some work."""
    stream = io.StringIO()
    narrator = Narrator(
        as_json=as_json,
        quiet=quiet,
        console=Console(file=stream, force_terminal=terminal, width=120, color_system=None),
    )
    with narrator.bar("measuring [all]") as sink:
        sink.advance(0, 0, "[nothing known]")
        sink.advance(3, 4, "point 3")
    with narrator.step("loading"):
        pass
    narrator.note("wrote [red]a.csv")
    return stream.getvalue()


def test_a_terminal_sees_bars_and_notes() -> None:
    """Share, what was done last, time left; names with brackets as they are."""
    seen = told(terminal=True)
    for words in ("measuring [all]", "75%", "point 3", "loading", "wrote [red]a.csv"):
        assert words in seen


@pytest.mark.parametrize(("terminal", "as_json"), [(False, False), (False, True), (True, True)])
def test_elsewhere_only_notes(terminal: bool, as_json: bool) -> None:
    """A log file, and a terminal beside --json, get no bars."""
    assert told(terminal=terminal, as_json=as_json).strip() == "wrote [red]a.csv"


def test_quiet_is_silent() -> None:
    """--quiet leaves standard error to errors."""
    assert told(terminal=True, quiet=True) == ""


def test_bars_go_to_the_standard_error_of_the_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    """Capture puts a stream of its own there; a spinner that went through it would write each frame as a line."""
    narrator = Narrator()
    with redirect_stderr(io.StringIO()) as stand_in:
        narrator.note("written: lite0")
    assert (stand_in.getvalue(), capsys.readouterr().err) == ("", "written: lite0\n")
