"""False clocks and power caps planted in measured series: are they found, and is anything else blamed?

    half speed   one row has the latency and power of half its clock (interpolated over log clock; below the table
                 latency goes with 1/f), every row in turn, all clocks of the memory clock calibrated (six or more)
    cap          the two highest clocks run at the geometric mean of the two below them; the upper has to be found

A cap can only be told where the device responded below it: series whose latency or power hardly moves with the clock at
the top count too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from joulecut_planner.fits import Measurement, fit_series

_LEAST_CLOCKS = 6

Series = Sequence[Measurement]


@dataclass(slots=True)
class _Count:
    planted: int = 0
    found: int = 0
    honest: int = 0
    blamed: int = 0

    def add(self, rows: Series, planted: set[float]) -> None:
        """Fit rows of one memory clock and compare what is suspected with what was planted."""
        suspects = {point.core_mhz for point in fit_series(rows).suspects}
        self.planted += len(planted)
        self.found += len(suspects & planted)
        self.honest += len(rows) - len(planted)
        self.blamed += len(suspects - planted)


def planted_table(files: Mapping[str, Sequence[Series]]) -> list[str]:
    """Lines of the section on planted clocks; files with fewer than six core clocks are left out."""
    lines = [
        "## Planted false clocks and caps",
        "",
        "| file | false clocks found | honest clocks blamed beside them | blamed as published | capped clocks found |",
        "|---|---|---|---|---|",
    ]
    for name, series in files.items():
        tables = [table for rows in series for table in _tables(rows)]
        if not tables:
            continue
        plain, false, cap = _Count(), _Count(), _Count()
        for table in tables:
            plain.add(table, set())
            for k in range(len(table)):
                false.add([*table[:k], at_clock(table, k, table[k].core_mhz / 2), *table[k + 1 :]], {table[k].core_mhz})
            if table[0].power_w is not None:
                limit = math.sqrt(table[-4].core_mhz * table[-3].core_mhz)
                capped = [at_clock(table, k, limit) for k in range(len(table) - 3, len(table))]
                cap.add([*table[:-3], *capped], {table[-1].core_mhz, table[-2].core_mhz})
        lines.append(
            f"| {name} | {_share(false.found, false.planted)} | {_share(false.blamed, false.honest)} "
            f"| {_share(plain.blamed, plain.honest)} | {_share(cap.found, cap.planted)} |"
        )
    return lines


def at_clock(table: Series, k: int, core_mhz: float) -> Measurement:
    """Row k with the latency and power that the table's device has at another clock."""
    log_clocks, log_clock = np.log([m.core_mhz for m in table]), math.log(core_mhz)
    below = max(0.0, float(log_clocks[0]) - log_clock)
    times = np.log([m.latency_s or math.nan for m in table])
    latency_s = math.exp(float(np.interp(log_clock, log_clocks, times)) + below)
    if table[k].power_w is None:
        return replace(table[k], latency_s=latency_s)
    watts = np.log([m.power_w or math.nan for m in table])
    return replace(table[k], latency_s=latency_s, power_w=math.exp(float(np.interp(log_clock, log_clocks, watts))))


def _tables(rows: Series) -> list[list[Measurement]]:
    tables = []
    for memory in dict.fromkeys(m.memory_mhz for m in rows):
        table = sorted((m for m in rows if m.memory_mhz == memory), key=lambda m: m.core_mhz)
        if len(table) >= _LEAST_CLOCKS:
            tables.append(table)
    return tables


def _share(count: int, of: int) -> str:
    return "-" if of == 0 else f"{count} of {of} ({100 * count / of:.1f} %)"
