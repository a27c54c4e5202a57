"""Made-up boards with known laws, and public series beside the repository where a checkout has them."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from joulecut_planner.fits import ClockKind, Measurement

CORES_MHZ = (306.0, 408.0, 510.0, 612.0, 714.0, 816.0, 918.0, 1020.0)
MEMORIES_MHZ = (1062.4, 1331.2, 1600.0, 1866.0)
PUBLIC = Path(__file__).parents[4] / "shared" / "data" / "dvfs"


def latency_s(core_mhz: float, memory_mhz: float | None = None) -> float:
    """Computing and memory traffic under a blunt corner, and what depends on neither clock."""
    traffic = 0.006 * (1.0 if memory_mhz is None else 1866.0 / memory_mhz)
    computing = 0.010 * 1020.0 / core_mhz
    return math.sqrt(computing**2 + traffic**2) + 0.001


def power_w(core_mhz: float, memory_mhz: float | None = None) -> float:
    """Static power, a linear and a cubic term, and the memory's."""
    x = core_mhz / 1020.0
    memory = 0.0 if memory_mhz is None else 1.5 * memory_mhz / 1866.0
    return 4.0 + 3.0 * x + 5.0 * x**3 + memory


def board(
    cores_mhz: Sequence[float] = CORES_MHZ,
    memories_mhz: Sequence[float | None] = (None,),
    *,
    noise: float = 0.0,
    seed: int = 0,
) -> list[Measurement]:
    """Measurements of the made-up board on a grid, with relative noise."""
    rng = np.random.default_rng(seed)
    return [
        Measurement(
            core_mhz=core,
            memory_mhz=memory,
            latency_s=latency_s(core, memory) * math.exp(noise * rng.normal()),
            power_w=power_w(core, memory) * math.exp(noise * rng.normal()),
            power_scope="module",
            series="made-up",
        )
        for memory in memories_mhz
        for core in cores_mhz
    ]


def public_series(name: str) -> Mapping[str, list[Measurement]]:
    """The series of a public file by name; skips the test where it is absent."""
    path = PUBLIC / name
    if not path.exists():
        pytest.skip(f"no public measurements at {path}")
    series: dict[str, list[Measurement]] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            series.setdefault(row["series"], []).append(
                Measurement(
                    core_mhz=float(row["core_mhz"]),
                    memory_mhz=float(row["memory_mhz"]) if row["memory_mhz"] else None,
                    latency_s=float(row["latency_s"]),
                    power_w=float(row["power_w"]) if row["power_w"] else None,
                    power_scope=row["power_scope"] or None,
                    clock_kind=ClockKind(row["clock_kind"]),
                )
            )
    return series


def four_clocks(measurements: Sequence[Measurement]) -> tuple[list[Measurement], list[Measurement]]:
    """Four core clocks at every memory clock, evenly by rank, and the others."""
    chosen: list[Measurement] = []
    for memory in dict.fromkeys(m.memory_mhz for m in measurements):
        row = sorted((m for m in measurements if m.memory_mhz == memory), key=lambda m: m.core_mhz)
        chosen += [row[round(k)] for k in np.linspace(0, len(row) - 1, 4)]
    return chosen, [m for m in measurements if m not in chosen]


def six_points(measurements: Sequence[Measurement]) -> tuple[list[Measurement], list[Measurement]]:
    """A grid's corners, its middle, and a point a third up the core clocks at the top memory clock; and the others."""
    cores = sorted({m.core_mhz for m in measurements})
    memories = sorted({m.memory_mhz or 0.0 for m in measurements})
    points = {(core, memory) for core in (cores[0], cores[-1]) for memory in (memories[0], memories[-1])}
    points |= {
        (cores[len(cores) // 2], memories[len(memories) // 2]),
        (cores[round((len(cores) - 1) / 3)], memories[-1]),
    }
    chosen = [m for m in measurements if (m.core_mhz, m.memory_mhz or 0.0) in points]
    return chosen, [m for m in measurements if m not in chosen]
