"""Public measurements beside the repository, where a checkout has them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "dvfs"


def measured_series(name: str, quantity: str) -> Iterator[tuple[list[float], list[float]]]:
    """Core clocks and values of each series and memory clock in a file; skips the test where it is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no public measurements at {path}")
    groups: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row[quantity]:
                point = (float(row["core_mhz"]), float(row[quantity]))
                groups.setdefault((row["series"], row["memory_mhz"]), []).append(point)
    for points in groups.values():
        yield [clock for clock, _ in points], [value for _, value in points]
