"""A service table says at once where its shapes or values do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_core.service_tables import ServiceTable, ServiceVariant, UnitTable


def filled(value: float, *, batches: int = 3, units: int = 2, points: int = 2) -> UnitTable:
    """A table that says the same everywhere."""
    return ((((value,) * points),) * units,) * batches


FULL = ServiceVariant(
    name="fp32",
    accuracy=1.0,
    accuracy_of="answers equal to full precision's",
    time_s=filled(0.01),
    busy_w=filled(20.0),
    figures=FigureKind.EMULATED,
)
TABLE = ServiceTable(
    network="small",
    device="emulated",
    power_scope="GPU board",
    units=("stem", "rest"),
    points=(OperatingPoint(core_mhz=500.0), OperatingPoint(core_mhz=1000.0)),
    batches=(1, 2, 8),
    idle_w=(10.0, 15.0),
    variants=(FULL,),
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": ()}, "at least one unit"),
        ({"variants": ()}, "at least one unit"),
        ({"batches": (2, 4, 8)}, "ascending from 1"),
        ({"batches": (1, 8, 2)}, "ascending from 1"),
        ({"batches": ()}, "ascending from 1"),
        ({"batches": (1, 2, 4097)}, "4097 is the largest; expected at most 4096"),
        ({"points": tuple(reversed(TABLE.points))}, "500 MHz behind 1000 MHz; expected operating points ascending"),
        ({"points": (TABLE.points[0],) * 2}, "500 MHz behind 500 MHz; expected operating points ascending, each once"),
        ({"variants": (FULL, FULL)}, "expected a name of its own for each"),
        ({"idle_w": (10.0,)}, "idle_w"),
        ({"idle_w": (10.0, float("nan"))}, "idle_w"),
        ({"switch_s": -1e-3}, "switch_s"),
        ({"switch_j": float("inf")}, "switch_j"),
        ({"variants": (replace(FULL, accuracy=1.2),)}, "accuracy 1.2"),
        ({"variants": (replace(FULL, time_s=filled(0.01, batches=2)),)}, "time_s does not have 3 batch sizes"),
        ({"variants": (replace(FULL, busy_w=filled(9.0, points=3)),)}, "busy_w does not have"),
        ({"variants": (replace(FULL, time_s=filled(0.0)),)}, "time_s has a value that is not positive"),
        ({"variants": (replace(FULL, busy_w=filled(float("inf"))),)}, "busy_w has a value"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, object], message: str) -> None:
    """The error names the field."""
    with pytest.raises(ValueError, match=message):
        replace(TABLE, **changes)  # type: ignore[arg-type]


def test_points_ascend_by_memory_clock_first() -> None:
    """As devices list them: what a low memory clock allows comes before all that a high one does."""
    low, high = OperatingPoint(core_mhz=900.0, memory_mhz=405.0), OperatingPoint(core_mhz=600.0, memory_mhz=5000.0)
    assert replace(TABLE, points=(low, high)).points == (low, high)
    with pytest.raises(ValueError, match="expected operating points ascending"):
        replace(TABLE, points=(high, low))
