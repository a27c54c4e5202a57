"""Tables on every width: no number and no name is cut off."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from joulecut.commands.whole_tables import print_whole
from joulecut.cuts.bars import Bar

NAME = "emulated:orin-nano-15w"
SENTENCE = "module input of the whole board, without the server's host"


def table() -> Table:
    """A name, a sentence, a bar and a number."""
    made = Table(title="devices")
    for header, justify in (("name", "left"), ("watts contain", "left"), ("", "left"), ("mJ per request", "right")):
        made.add_column(header, justify="right" if justify == "right" else "left")
    made.add_row(NAME, SENTENCE, Bar(share=1.0, cells=6), "123456.789")
    return made


def shown(width: int, *, terminal: bool) -> str:
    """What stands there."""
    screen = io.StringIO()
    print_whole(Console(file=screen, width=width, force_terminal=terminal, color_system=None), table())
    return screen.getvalue()


def test_a_file_gets_a_line_a_row() -> None:
    """However narrow a terminal would be: whoever greps finds whole rows."""
    text = shown(40, terminal=False)
    (row,) = (line for line in text.splitlines() if NAME in line)
    assert all(whole in row for whole in (SENTENCE, "██████", "123456.789"))


@pytest.mark.parametrize("width", [100, 80])
def test_a_terminal_folds_sentences(width: int) -> None:
    """Within its width; the number and the name stay in one piece, the bar leaves them its room."""
    text = shown(width, terminal=True)
    assert max(map(len, text.splitlines())) <= width
    assert all(whole in text for whole in (NAME, "123456.789"))
    assert "█" not in text
    for word in SENTENCE.split():
        assert word in text


def test_blanks_give_way_before_lines_grow_too_long() -> None:
    """Eight columns, one cell too wide together: they stand closer."""
    made = Table(*(f"column{index}" for index in range(8)))
    screen = io.StringIO()
    print_whole(Console(file=screen, width=80, force_terminal=True, color_system=None), made)
    assert max(map(len, screen.getvalue().splitlines())) <= 80
    assert all(f"column{index}" in screen.getvalue() for index in range(8))


def test_a_terminal_that_is_too_narrow_gets_longer_lines() -> None:
    """Better than to lose what they say."""
    text = shown(30, terminal=True)
    assert all(whole in text for whole in (NAME, "123456.789", "request"))
    assert "…" not in text


def test_the_console_keeps_its_width() -> None:
    """What is printed next is not as wide as the table was."""
    console = Console(file=io.StringIO(), width=40)
    print_whole(console, table())
    assert console.width == 40
