"""Ctrl-C during long work: one line with what is kept and how to go on."""

from __future__ import annotations

import sys

import pytest
import typer

from joulecut.long_work.interruption import again, interruptible


def test_an_interrupt_says_what_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What is on disk when it comes, and this command as a shell takes it, with what it needs to go on."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/joulecut", "study", "--out", "my results"])
    parts = ["one"]

    def work() -> None:
        with interruptible(lambda: f"{len(parts)} parts", needs=("--resume",)):
            parts.append("two")
            raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as ended:
        work()
    assert ended.value.exit_code == 130
    said = capsys.readouterr().err
    assert said == "interrupted: 2 parts; go on with: joulecut study --out 'my results' --resume\n"


def test_an_option_is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted a second time, it names the same command."""
    monkeypatch.setattr(sys, "argv", ["joulecut", "study", "--resume"])
    assert again(("--resume",)) == "joulecut study --resume"


def test_errors_pass() -> None:
    """What goes wrong is told as ever."""
    with pytest.raises(ZeroDivisionError), interruptible(lambda: "nothing"):
        raise ZeroDivisionError
