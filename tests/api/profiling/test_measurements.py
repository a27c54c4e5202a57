"""Measurement tables: read to the letter, refused with row and column, written whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut.profiling.measurements import check_same_series, read_measurements, write_predictions
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_planner.fits import ClockKind, Prediction

HEADER = "series,core_mhz,memory_mhz,latency_s,power_w,power_scope,clock_kind,note\n"


def table(tmp_path: Path, text: str, name: str = "table.csv") -> Path:
    """A file with this text."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_what_is_there(tmp_path: Path) -> None:
    """Known columns become a measurement, empty ones unknown, others are kept as text; blank lines do not count."""
    text = HEADER + 's,300,,1e-2,,wall,achieved,"a, b"\n\n,600.5,1600,0.004,12.5,,,\n'
    read = read_measurements(table(tmp_path, text))
    first, second = read.measurements
    assert (first.series, first.core_mhz, first.memory_mhz, first.latency_s) == ("s", 300.0, None, 0.01)
    assert (first.power_w, first.power_scope, first.clock_kind) == (None, "wall", ClockKind.ACHIEVED)
    assert (second.series, second.memory_mhz, second.power_w) == (None, 1600.0, 12.5)
    assert second.clock_kind is ClockKind.LOCKED
    assert read.rows[0]["note"] == "a, b"


def test_only_the_core_clock_is_required(tmp_path: Path) -> None:
    """A table of operating points is a table; a byte-order mark does not hide its first column."""
    read = read_measurements(table(tmp_path, "\ufeffcore_mhz\n300\n400\n"))
    assert [point.core_mhz for point in read.points] == [300.0, 400.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; expected a header line"),
        (HEADER, "no rows"),
        ("latency_s\n1\n", "row 1: no column core_mhz"),
        ("core_mhz,core_mhz\n1,2\n", "row 1: column core_mhz twice"),
        ("core_mhz,latency_s\n300,1\n400\n", "row 3: 1 values; expected 2"),
        ("core_mhz\n\n300\nfast\n", "row 4: core_mhz: fast; expected a finite number above 0"),
        ("core_mhz,latency_s\n,1\n", "row 2: core_mhz: empty"),
        ("core_mhz\n14001\n1377000000\n", "row 3: core_mhz: 1.377e+09; expected MHz, at most 100000: divide"),
        ("core_mhz,memory_mhz\n300,1600000\n", "row 2: memory_mhz: 1.6e+06; expected MHz"),
        ("core_mhz,latency_s\n300,nan\n", "row 2: latency_s: nan"),
        ("core_mhz,latency_s\n300,inf\n", "row 2: latency_s: inf"),
        ("core_mhz,latency_s\n300,-1\n", "row 2: latency_s: -1"),
        ("core_mhz,power_w\n300,0\n", "row 2: power_w: 0"),
        ("core_mhz,power_w\n3_00,1\n", "row 2: core_mhz: 3_00"),
        (
            "core_mhz,clock_kind\n300,guessed\n",
            "row 2: clock_kind: guessed; expected one of locked, requested, achieved",
        ),
        ('core_mhz\n"300\n', "not CSV"),
    ],
)
def test_refusals_name_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    """Whatever is wrong is told with its place in the file; blank lines count in row numbers."""
    with pytest.raises(FitError) as refused:
        read_measurements(table(tmp_path, text))
    assert message in str(refused.value)
    assert "table.csv" in str(refused.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, not text, or far too large: one line, nothing parsed."""
    with pytest.raises(FitError, match="no such file"):
        read_measurements(tmp_path / "absent.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00core_mhz")
    with pytest.raises(FitError, match="cannot be read"):
        read_measurements(binary)
    large = tmp_path / "large.csv"
    with large.open("wb") as stream:
        stream.truncate(5 * 1024 * 1024)
    with pytest.raises(FitError, match="expected a table of at most"):
        read_measurements(large)


def prediction(read_index: int, latency_s: float | None) -> Prediction:
    """A prediction to be written."""
    return Prediction(
        point=read_measurements_point(read_index),
        latency_s=latency_s,
        latency_low_s=latency_s,
        latency_high_s=latency_s,
        power_w=None,
        power_low_w=None,
        power_high_w=None,
        suspect=read_index == 1,
        extrapolated=False,
    )


def read_measurements_point(index: int) -> OperatingPoint:
    """The points of the table below."""
    return OperatingPoint(core_mhz=300.0 + 100.0 * index)


def test_writes_rows_in_order_with_predictions(tmp_path: Path) -> None:
    """Measured values of the grid are replaced, unknown ones emptied, other columns kept, missing columns added."""
    grid = read_measurements(table(tmp_path, "note,core_mhz,latency_s\nb,300,9\na,400,9\n"))
    out = tmp_path / "new" / "out.csv"
    write_predictions(out, grid, [prediction(0, 0.1), prediction(1, None)])
    assert out.read_text(encoding="utf-8").splitlines() == [
        "note,core_mhz,latency_s,power_w,latency_low_s,latency_high_s,suspect",
        "b,300,0.1,,0.1,0.1,0",
        "a,400,,,,,1",
    ]
    with pytest.raises(FitError, match="cannot be written"):
        write_predictions(tmp_path, grid, [prediction(0, 0.1), prediction(1, None)])


def test_a_grid_of_another_series(tmp_path: Path) -> None:
    """Predictions never land in rows of another series or power scope; rows that name none are fine."""
    calibration = read_measurements(table(tmp_path, HEADER + "s,300,,1,1,wall,,\n", "cal.csv"))
    check_same_series(calibration, read_measurements(table(tmp_path, HEADER + ",300,,1,1,,,\n")))
    with pytest.raises(FitError, match="series t; expected s"):
        check_same_series(calibration, read_measurements(table(tmp_path, HEADER + "t,300,,1,1,wall,,\n")))
    with pytest.raises(FitError, match="power_scope module; expected wall"):
        check_same_series(calibration, read_measurements(table(tmp_path, HEADER + "s,300,,1,1,module,,\n")))
