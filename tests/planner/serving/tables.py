"""Service tables for tests: drawn ones, and devices whose law is known."""

from __future__ import annotations

import math

import numpy as np

from joulecut_core.clocks import OperatingPoint
from joulecut_core.figures import FigureKind
from joulecut_core.service_tables import ServiceTable, ServiceVariant, UnitTable


def gpu_like(
    *,
    units: int = 4,
    points: int = 8,
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
    speed_ups: tuple[float, ...] = (1.0,),
    accuracies: tuple[float, ...] = (1.0,),
    switch_s: float = 0.0,
) -> ServiceTable:
    """A device that launches, then computes: t = units (launch + n work / f), P = 40 + 100 f + 110 f^3 W, f to 1.

    Clocks are 300 to 1500 MHz; a request alone takes some 5 ms at the top.
    """
    clocks = [300.0 + 1200.0 * k / max(points - 1, 1) for k in range(points)]
    relative = [clock / clocks[-1] for clock in clocks]
    variants = []
    for index, (speed_up, accuracy) in enumerate(zip(speed_ups, accuracies, strict=True)):
        times = tuple(
            tuple(
                tuple(5e-3 / units * (0.4 + 0.6 * _work(batch) / speed_up / f) for f in relative) for _ in range(units)
            )
            for batch in batches
        )
        watts = tuple(
            tuple(tuple(40.0 + 100.0 * f + 110.0 * f**3 for f in relative) for _ in range(units)) for _ in batches
        )
        variants.append(
            ServiceVariant(
                name=("fp32", "int8", "int4")[index],
                accuracy=accuracy,
                accuracy_of="assumed",
                time_s=times,
                busy_w=watts,
                figures=FigureKind.ESTIMATED,
            )
        )
    return ServiceTable(
        network="made up",
        device="made up",
        power_scope="GPU board",
        units=tuple(f"unit {unit}" for unit in range(units)),
        points=tuple(OperatingPoint(core_mhz=clock) for clock in clocks),
        batches=batches,
        idle_w=tuple(35.0 + 15.0 * f for f in relative),
        variants=tuple(variants),
        switch_s=switch_s,
    )


def drawn_table(seed: int, *, units: int = 3, points: int = 3, variants: int = 2) -> ServiceTable:
    """A table without any law: every value drawn by itself."""
    rng = np.random.default_rng(seed)
    batches = (1, 3, 4)

    def values(low: float, high: float) -> UnitTable:
        drawn = rng.uniform(low, high, (len(batches), units, points)).tolist()
        return tuple(tuple(map(tuple, rows)) for rows in drawn)

    return ServiceTable(
        network="drawn",
        device="drawn",
        power_scope="board",
        units=tuple(f"unit {unit}" for unit in range(units)),
        points=tuple(OperatingPoint(core_mhz=100.0 * (point + 1)) for point in range(points)),
        batches=batches,
        idle_w=tuple(float(rng.uniform(1.0, 5.0)) for _ in range(points)),
        variants=tuple(
            ServiceVariant(
                name=f"variant {index}",
                accuracy=float(rng.uniform(0.9, 1.0)),
                accuracy_of="drawn",
                time_s=values(1e-3, 1e-2),
                busy_w=values(5.0, 50.0),
                figures=FigureKind.ESTIMATED,
            )
            for index in range(variants)
        ),
        switch_s=float(rng.choice((0.0, 1e-3))),
        switch_j=float(rng.choice((0.0, 1e-2))),
    )


def _work(batch: int) -> float:
    """Small batches leave the device idle: the first requests of a batch come cheap."""
    return math.sqrt((batch**2 + 9.0) / 10.0)
