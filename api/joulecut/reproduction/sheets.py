"""Rows as CSV: the fields of a dataclass are the columns, numbers in full precision, empty where unknown."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Cell = str | float | int | bool | None


def record(row: DataclassInstance) -> Mapping[str, Cell]:
    """A row by column."""
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}


def csv_text(rows: Sequence[DataclassInstance]) -> str:
    """A header line and the rows; nothing for no rows."""
    if not rows:
        return ""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in dataclasses.fields(rows[0])], lineterminator="\n")
    writer.writeheader()
    writer.writerows(record(row) for row in rows)
    return text.getvalue()
