"""A made-up board whose laws are known: time with a part that no clock shortens, power with a static part."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut.reproduction.series import Series, SeriesPoint
from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind

CORES_MHZ = (100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0)


def board(memories_mhz: Sequence[float | None] = (None,), *, static_w: float = 8.0) -> Series:
    """Traffic takes longer at a lower memory clock; the memory draws a little for its clock."""
    points = []
    for memory_mhz in memories_mhz:
        share = 1.0 if memory_mhz is None else memory_mhz / 3000.0
        for core_mhz in CORES_MHZ:
            x = core_mhz / 1000.0
            points.append(
                SeriesPoint(
                    point=OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz),
                    latency_s=0.01 / x + 0.004 / share,
                    power_w=static_w + 2.0 * x + 4.0 * x**3 + 2.0 * share,
                )
            )
    return Series(
        name="made-up",
        device="made-up board",
        workload="made-up network",
        source="a formula",
        licence="none needed",
        latency_kind=FigureKind.MEASURED,
        energy_kind=FigureKind.ESTIMATED,
        power_scope="all of it",
        points=tuple(points),
    )
