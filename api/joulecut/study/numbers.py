"""Single numbers out of many rows: each names the rows that it is made of, and how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from joulecut.study.rows import NumberRow

_NAME = re.compile(r"([A-Z])(\d+)")


class Named(Protocol):
    """A row of some sheet."""

    @property
    def row(self) -> str:
        """Its name: the sheet's letter and a number."""
        ...


class NumberBook:
    """Collects the numbers of a study's findings."""

    def __init__(self) -> None:
        self._rows: list[NumberRow] = []

    @property
    def rows(self) -> tuple[NumberRow, ...]:
        """All numbers so far."""
        return tuple(self._rows)

    def add(self, finding: str, of: str, what: str, value: float, shown: str, rows: Sequence[Named], made: str) -> str:
        """Keep a number of a finding; returns it as a text that names its row: "1.53 [N001]"."""
        names = [row.row for row in rows]
        name = f"N{len(self._rows) + 1:03}"
        self._rows.append(
            NumberRow(
                row=name,
                finding=finding,
                of=of,
                what=what,
                value=value,
                shown=shown,
                sheet=_SHEETS[names[0][0]],
                rows=in_ranges(names),
                row_count=len(names),
                made=made,
            )
        )
        return f"{shown} [{name}]"

    def of(self, finding: str) -> str:
        """The names of a finding's numbers."""
        return ", ".join(row.row for row in self._rows if row.finding == finding)


_SHEETS = {"M": "models.csv", "L": "layers.csv", "O": "optima.csv"}


def in_ranges(names: Sequence[str]) -> str:
    """Names of rows, neighbours together: "M0001, M0004 to M0007"."""
    ranges: list[list[str]] = []
    for name in names:
        if ranges and _number(name) == _number(ranges[-1][-1]) + 1:
            ranges[-1].append(name)
        else:
            ranges.append([name])
    return ", ".join(each[0] if len(each) == 1 else f"{each[0]} to {each[-1]}" for each in ranges)


def _number(name: str) -> int:
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"row {name!r}; expected a letter and a number")
    return int(found[2])
