"""Tables of which nothing is cut off, however narrow the terminal: sentences fold, numbers and names stay whole."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from joulecut.cuts.bars import Bar

_ANY_WIDTH = 10_000
_LONGEST_WORD = 24
"""Longer words than this are folded where there is no room: names of paths, mostly."""
_TIGHT = (0, 1, 0, 0)
"""Blanks above, right of, below and left of a cell: without the usual one on its left."""


def print_whole(console: Console, table: Table) -> None:
    """Print a table with every sign of it.

    Into a file or a pipe it is as wide as it likes. On a terminal too narrow for it bars are left out first, then the
    widest cells go on below each other; where even its numbers and words find no room, its lines are longer than the
    terminal's.
    """
    room = console.width
    wanted = _width(console, table)
    if wanted > room and console.is_terminal:
        _leave_out_bars(table)
        wanted = _fold(table, _width(console, table), room)
        if wanted > room:
            table.padding = _TIGHT
            wanted = _width(console, table)
    console.width = max(room, wanted)
    try:
        console.print(table)
    finally:
        console.width = room


def _width(console: Console, table: Table) -> int:
    """The width at which nothing more is folded, edges and all."""
    return Measurement.get(console, console.options.update(width=_ANY_WIDTH), table).maximum


def _leave_out_bars(table: Table) -> None:
    """A bar draws once more the number beside it."""
    columns = [column for column in table.columns if not _is_drawn(column)]
    if len(columns) < len(table.columns):
        # rich pads a column by the place that it was added at.
        table.columns = [replace(column, _index=index) for index, column in enumerate(columns)]
        table.padding = _TIGHT


def _fold(table: Table, wanted: int, room: int) -> int:
    """Give every column a width so that the table has `room`, if it can be had; the width that it then has."""
    widths = [_natural(column) for column in table.columns]
    least = [_least(column) for column in table.columns]
    beside = wanted - sum(widths)
    while beside + sum(widths) > room:
        spare = [index for index, (width, low) in enumerate(zip(widths, least, strict=True)) if width > low]
        if not spare:
            break
        widths[max(spare, key=lambda index: widths[index])] -= 1
    for column, width in zip(table.columns, widths, strict=True):
        column.width, column.overflow, column.no_wrap = width, "fold", False
    return beside + sum(widths)


def _natural(column: Column) -> int:
    """The width at which nothing is folded."""
    lines = [line for cell in _texts(column) for line in cell.splitlines()]
    return max([column.min_width or 0, *map(cell_len, lines)])


def _least(column: Column) -> int:
    """The width at which no number and no word of usual length is folded."""
    if column.no_wrap and column.justify != "right":
        return _natural(column)
    head, *cells = _texts(column)
    words = [min(cell_len(word), _LONGEST_WORD) for cell in (head, *cells) for word in cell.split()]
    numbers = [cell_len(cell) for cell in cells] if column.justify == "right" else []
    return max([column.min_width or 0, *words, *numbers])


def _texts(column: Column) -> list[str]:
    """The header and the cells that are words."""
    return [_plain(cell) for cell in (column.header, *column.cells) if isinstance(cell, (str, Text))]


def _plain(cell: str | Text) -> str:
    return (Text.from_markup(cell) if isinstance(cell, str) else cell).plain


def _is_drawn(column: Column) -> bool:
    """Whether it holds bars."""
    return any(isinstance(cell, Bar) for cell in column.cells)
