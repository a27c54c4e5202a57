"""A share as a bar of a terminal's cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.segment import Segment

_EIGHTHS = " ▏▎▍▌▋▊▉"
_WHOLE = "█"
_PLAIN = "#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of at most so many cells, for `share` from 0 to 1; in eighths of a cell where a terminal has the signs."""

    share: float
    cells: int

    def text(self, *, plain: bool) -> str:
        """The bar; `plain`: of ASCII alone, in whole cells."""
        filled = self.cells * min(max(self.share, 0.0), 1.0)
        if plain:
            return _PLAIN * round(filled)
        whole, part = divmod(round(8 * filled), 8)
        return _WHOLE * whole + (_EIGHTHS[part] if part else "")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """As rich draws it."""
        yield Segment(self.text(plain=options.ascii_only))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as a whole bar, so that rows can be compared."""
        return Measurement(self.cells, self.cells)
