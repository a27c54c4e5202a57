"""Traces of arrivals as CSV: `time_s`, and where known `network`, `edge`, `entry`, `priority`. Read strictly.

Row 1 is the header; other columns are passed over. What is wrong is said with file, row and column.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from joulecut_core.decoding import show
from joulecut_core.documents import read_text
from joulecut_core.errors import ConfigError
from joulecut_planner.serving.simulation.traces import ArrivalTrace

_TIME, _NETWORK, _EDGE, _ENTRY, _PRIORITY = "time_s", "network", "edge", "entry", "priority"
KNOWN = (_TIME, _NETWORK, _EDGE, _ENTRY, _PRIORITY)
_LARGEST_BYTES = 1 << 30
_LARGEST_PRIORITY = 1_000_000
_SHOWN = 20
"""Columns that a complaint repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFile:
    """The rows of a file, column by column; a column that is not there is empty."""

    path: Path
    times_s: Sequence[float]
    networks: Sequence[str]
    edges: Sequence[str]
    entries: Sequence[int]
    priorities: Sequence[int]
    rows: Sequence[int]
    """Where in the file each request with an entry stands; row 1 is the header."""
    passed_over: tuple[str, ...]
    """Columns that mean nothing here."""

    @property
    def requests_by_network(self) -> Mapping[str, int]:
        """How many requests each named network has; nothing without such a column."""
        return Counter(self.networks)

    def trace(self, network: str | None = None) -> ArrivalTrace:
        """The requests of one network, or all; times are moved so that the first is at 0."""
        kept = self._kept(network)
        times_s = np.array([self.times_s[index] for index in kept], dtype=np.float64)
        from_zero_s = times_s - times_s[0]
        return ArrivalTrace(
            sent_s=from_zero_s,
            arrival_s=from_zero_s,
            edges=[self.edges[index] for index in kept] if self.edges else (),
            entries=[self.entries[index] for index in kept] if self.entries else (),
            priorities=[self.priorities[index] for index in kept] if self.priorities else (),
        )

    def check_entries(self, network: str | None, first: int, units: int) -> None:
        """Raise ConfigError with the row if one of the `first` requests of a network enters behind the last unit."""
        for index in self._kept(network)[:first] if self.entries else ():
            if self.entries[index] >= units:
                raise ConfigError(
                    f"{self.path}: row {self.rows[index]}: {_ENTRY}: {self.entries[index]}; "
                    f"expected a unit of the service table, 0 to {units - 1}"
                )

    def _kept(self, network: str | None) -> Sequence[int]:
        """The places of a network's requests."""
        if network is None:
            return range(len(self.times_s))
        return [index for index, name in enumerate(self.networks) if name == network]


def read_trace(path: Path) -> TraceFile:
    """Read a trace; raises ConfigError naming file, row and column of what is wrong.

    Refused: a missing, empty or oversized file, a repeated or missing column, rows of another length, times that
    are no finite numbers from 0 on or do not ascend, entries and priorities that are no whole numbers.
    """
    if path.is_file() and path.stat().st_size > _LARGEST_BYTES:
        raise ConfigError(f"{path}: {path.stat().st_size} bytes; expected a trace of at most {_LARGEST_BYTES}")
    rows = _rows(path)
    _, header = next(rows, (0, None))
    if header is None:
        raise ConfigError(f"{path}: empty; expected a header line with a column {_TIME}, and one row for each request")
    columns = [name.strip() for name in header]
    _check_header(columns, path)
    places = {name: columns.index(name) for name in KNOWN if name in columns}
    texts: dict[str, list[str]] = {name: [] for name in places if name in {_NETWORK, _EDGE}}
    numbers: dict[str, list[int]] = {name: [] for name in places if name in {_ENTRY, _PRIORITY}}
    times_s: list[float] = []
    numbered: list[int] = []
    latest_s = 0.0
    time_at, count = places[_TIME], len(columns)
    for number, row in rows:
        if len(row) != count:
            raise ConfigError(
                f"{path}: row {number}: {len(row)} values; expected {count}, one for each column of row 1"
            )
        time_s = _time_s(row[time_at], f"{path}: row {number}")
        if time_s < latest_s:
            raise ConfigError(
                f"{path}: row {number}: {_TIME}: {row[time_at].strip()} behind {latest_s:g}; "
                "expected times that ascend: sort the rows"
            )
        latest_s = time_s
        times_s.append(time_s)
        for name, values in texts.items():
            values.append(row[places[name]].strip())
        if _ENTRY in numbers:
            numbered.append(number)
        for name, whole in numbers.items():
            whole.append(_whole(row[places[name]], name, f"{path}: row {number}"))
    if not times_s:
        raise ConfigError(f"{path}: no rows; expected one for each request")
    return TraceFile(
        path=path,
        times_s=times_s,
        networks=texts.get(_NETWORK, ()),
        edges=texts.get(_EDGE, ()),
        entries=numbers.get(_ENTRY, ()),
        priorities=numbers.get(_PRIORITY, ()),
        rows=numbered,
        passed_over=tuple(name for name in columns if name not in KNOWN),
    )


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows with their numbers, empty ones left out."""
    # A byte order mark: spreadsheets put one before the first column's name.
    text = read_text(path, ConfigError).removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for number, row in enumerate(reader, start=1):
            if row:
                yield number, row
    except csv.Error as cause:
        raise ConfigError(f"{path}: row {reader.line_num}: not CSV: {cause}") from cause


def _check_header(columns: Sequence[str], path: Path) -> None:
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise ConfigError(f"{path}: row 1: column {repeated[0]!r} twice; expected each column once")
    if _TIME not in columns:
        found = ", ".join(map(show, columns[:_SHOWN]))
        raise ConfigError(f"{path}: row 1: no column {_TIME}; expected a header line with it, found {found}")


def _time_s(text: str, where: str) -> float:
    try:
        time_s = float(text)
    except ValueError:
        time_s = math.nan
    # float() takes 1_000; nobody who writes CSV means it.
    if not 0.0 <= time_s < math.inf or "_" in text:
        raise ConfigError(
            f"{where}: {_TIME}: {text.strip()[:80] or 'empty'}; expected seconds, a finite number of at least 0"
        )
    return time_s


def _whole(text: str, column: str, where: str) -> int:
    """A whole number; nothing stands for 0."""
    stripped = text.strip()
    if not stripped:
        return 0
    digits = stripped.removeprefix("-") if column == _PRIORITY else stripped
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(_LARGEST_PRIORITY)):
        least = -_LARGEST_PRIORITY if column == _PRIORITY else 0
        expected = f"a whole number, {least} to {_LARGEST_PRIORITY}"
        raise ConfigError(f"{where}: {column}: {stripped[:80]}; expected {expected}")
    return int(stripped)
