"""Measurement tables as CSV: read strictly, written back with predictions in place of what was measured.

One row for each operating point of one series. `core_mhz` is required; `memory_mhz`, `latency_s`, `power_w`,
`power_scope`, `clock_kind` and `series` are used where they are there; other columns are kept as they stand.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from joulecut_core.clocks import OperatingPoint
from joulecut_core.decoding import show
from joulecut_core.documents import cannot_write, read_text, write_bytes
from joulecut_core.errors import FitError
from joulecut_planner.fits import ClockKind, Measurement, Prediction

PREDICTED = ("latency_s", "power_w", "latency_low_s", "latency_high_s", "suspect")
"""Columns that predictions fill, in the order in which missing ones are added."""

_LARGEST_BYTES = 4 * 1024 * 1024
_MOST_MHZ = 1e5
"""No board's clock is near 100 GHz. In hertz or kilohertz the top clock of every GPU is beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementTable:
    """The rows of a file, as text and as measurements."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    measurements: tuple[Measurement, ...]

    @property
    def points(self) -> tuple[OperatingPoint, ...]:
        """The operating point of each row."""
        return tuple(measurement.point for measurement in self.measurements)


def read_measurements(path: Path) -> MeasurementTable:
    """Read a measurement table; raises FitError naming file, row and column of what is wrong.

    Row 1 is the header. Refused: a missing, empty or oversized file, a repeated or missing column, rows of another
    length, anything but a finite number above 0 where a number is expected, clocks in other units, and unknown clock
    kinds.
    """
    if path.is_file() and path.stat().st_size > _LARGEST_BYTES:
        raise FitError(f"{path}: {path.stat().st_size} bytes; expected a table of at most {_LARGEST_BYTES}")
    # utf-8-sig: spreadsheets put a mark before the first column's name.
    text = read_text(path, FitError).removeprefix("\ufeff")
    try:
        lines = [(number, row) for number, row in _numbered(text) if row]
    except csv.Error as cause:
        raise FitError(f"{path}: not CSV: {cause}") from cause
    if not lines:
        raise FitError(f"{path}: empty; expected a header line and one row for each operating point")
    columns = tuple(name.strip() for name in lines[0][1])
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise FitError(f"{path}: row 1: column {repeated[0][:60]} twice; expected each column once")
    if "core_mhz" not in columns:
        raise FitError(f"{path}: row 1: no column core_mhz; expected it among {show(', '.join(columns))}")
    if len(lines) == 1:
        raise FitError(f"{path}: no rows; expected one for each operating point")
    rows, measurements = [], []
    for number, values in lines[1:]:
        if len(values) != len(columns):
            raise FitError(f"{path}: row {number}: {len(values)} values; expected {len(columns)}, one for each column")
        row = dict(zip(columns, values, strict=True))
        rows.append(row)
        measurements.append(_measurement(row, f"{path}: row {number}"))
    return MeasurementTable(path=path, columns=columns, rows=tuple(rows), measurements=tuple(measurements))


def write_predictions(path: Path, table: MeasurementTable, predictions: Sequence[Prediction]) -> None:
    """Write the table's rows with predicted values, nothing where there is no prediction.

    A reader sees the whole file or none. Raises FitError where it cannot be written.
    """
    columns = (*table.columns, *(name for name in PREDICTED if name not in table.columns))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row, prediction in zip(table.rows, predictions, strict=True):
        writer.writerow({**row, **_predicted(prediction)})
    try:
        write_bytes(path, text.getvalue().encode())
    except OSError as cause:
        raise cannot_write(f"{path}: cannot be written: {cause}", cause, FitError) from cause


def check_same_series(calibration: MeasurementTable, grid: MeasurementTable) -> None:
    """Raise FitError where the grid is of another series or power scope than the calibration."""
    for what in ("series", "power_scope"):
        known = {value for m in calibration.measurements if (value := getattr(m, what)) is not None}
        asked = {value for m in grid.measurements if (value := getattr(m, what)) is not None}
        other = sorted(asked - known)
        if known and other:
            raise FitError(
                f"{grid.path}: {what} {', '.join(other)}; expected {', '.join(sorted(known))}, as in {calibration.path}"
            )


def _numbered(text: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [(number, row) for number, row in enumerate(reader, start=1)]


def _measurement(row: Mapping[str, str], where: str) -> Measurement:
    core_mhz = _clock_mhz(row, "core_mhz", where)
    if core_mhz is None:
        raise FitError(f"{where}: core_mhz: empty; expected the core clock in MHz")
    kind = row.get("clock_kind", "").strip() or ClockKind.LOCKED.value
    if kind not in {known.value for known in ClockKind}:
        expected = ", ".join(known.value for known in ClockKind)
        raise FitError(f"{where}: clock_kind: {kind}; expected one of {expected}")
    return Measurement(
        core_mhz=core_mhz,
        memory_mhz=_clock_mhz(row, "memory_mhz", where),
        latency_s=_number(row, "latency_s", where),
        power_w=_number(row, "power_w", where),
        power_scope=row.get("power_scope", "").strip() or None,
        clock_kind=ClockKind(kind),
        series=row.get("series", "").strip() or None,
    )


def _clock_mhz(row: Mapping[str, str], column: str, where: str) -> float | None:
    value = _number(row, column, where)
    if value is not None and value > _MOST_MHZ:
        raise FitError(
            f"{where}: {column}: {value:g}; expected MHz, at most {_MOST_MHZ:g}: "
            "divide clocks in Hz by 1e6, in kHz by 1e3"
        )
    return value


def _number(row: Mapping[str, str], column: str, where: str) -> float | None:
    text = row.get(column, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if "_" in text or not (math.isfinite(value) and value > 0):
        raise FitError(
            f"{where}: {column}: {text[:80]}; expected a finite number above 0, or nothing where it is unknown"
        )
    return value


def _predicted(prediction: Prediction) -> dict[str, str]:
    values = (
        prediction.latency_s,
        prediction.power_w,
        prediction.latency_low_s,
        prediction.latency_high_s,
        int(prediction.suspect),
    )
    return {name: "" if value is None else repr(value) for name, value in zip(PREDICTED, values, strict=True)}
