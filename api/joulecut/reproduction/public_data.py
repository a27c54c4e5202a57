"""Public measurements as series: the set that ships with joulecut, and others where a folder of them is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from joulecut.profiling.measurements import MeasurementTable, read_measurements
from joulecut.reproduction.series import Series, SeriesPoint
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind

SHIPPED = Path(__file__).parent / "data"

BoardWatts = Callable[[str, OperatingPoint], float]
"""Watts that the emulated board of a name draws while it computes at an operating point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSet:
    """A file and its origin. `board`: the emulated device whose watts stand in where none were measured."""

    file: str
    source: str
    licence: str
    board: str | None = None
    is_network: bool = True


SETS = (
    PublicSet(
        file="orin_nano.csv",
        source="github.com/dankang21/jetson-latency-lab 0970a90",
        licence="Apache-2.0",
        board="orin-nano-super",
    ),
    PublicSet(
        file="tx2_dnn.csv",
        source="github.com/thynics/jetson_dvfs 7ac3f7cb",
        licence="none stated",
        board="tx2",
    ),
    PublicSet(
        file="agx_xavier_mobilenet.csv",
        source="github.com/emwjacobson/JetsonEfficiencyTesting 2b440806",
        licence="none stated",
    ),
    PublicSet(
        file="gtx1080ti_kernels.csv",
        source="github.com/blackjack2015/NV-DVFS-Benchmark 8f424731",
        licence="none stated",
        is_network=False,
    ),
)
"""Sets without a stated licence are read where the user has them; they are no part of joulecut."""


def public_series(folder: Path | None, watts: BoardWatts) -> tuple[Series, ...]:
    """The series of every known file in `folder`, or the shipped ones for None.

    Latency is measured; watts too, or those of an emulated board, and the energy is then estimated.
    Raises ConfigError for a folder without any known file, FitError for a damaged one.
    """
    place = SHIPPED if folder is None else folder
    found = [known for known in SETS if (place / known.file).is_file()]
    if not found:
        raise ConfigError(
            f"--data {place}: none of the known files; expected at least one of {', '.join(s.file for s in SETS)}"
        )
    return tuple(series for known in found for series in _series(known, read_measurements(place / known.file), watts))


def _series(known: PublicSet, table: MeasurementTable, watts: BoardWatts) -> list[Series]:
    named: dict[str, tuple[Mapping[str, str], list[SeriesPoint]]] = {}
    for row, measured in zip(table.rows, table.measurements, strict=True):
        if measured.latency_s is None:
            continue
        power_w = measured.power_w
        if power_w is None:
            if known.board is None:
                continue
            power_w = watts(known.board, measured.point)
        _, points = named.setdefault(measured.series or known.file, (row, []))
        points.append(SeriesPoint(point=measured.point, latency_s=measured.latency_s, power_w=power_w))
    is_estimated = known.board is not None
    return [
        Series(
            name=name,
            device=row.get("device", ""),
            workload=row.get("workload", ""),
            source=known.source,
            licence=known.licence,
            latency_kind=FigureKind.MEASURED,
            energy_kind=FigureKind.ESTIMATED if is_estimated else FigureKind.MEASURED,
            power_scope=f"watts of emulated:{known.board}" if is_estimated else row.get("power_scope", ""),
            points=tuple(points),
            is_network=known.is_network,
        )
        for name, (row, points) in named.items()
    ]
