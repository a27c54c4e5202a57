"""False clocks and power caps planted in measured series: are they found, and is anything else blamed?

    half speed   one row has the latency and power of half its clock (interpolated over log clock; below the table
                 latency goes with 1/f), every row in turn, all clocks of the memory clock calibrated (six or more)
    cap          the two highest clocks run at the geometric mean of the two below them; the upper has to be found

Half the clock cannot be told where the series hardly moves with it: *telling* are the plants that change time or power
by a tenth. A published clock at which the series is a twentieth slower than at a lower one was not in force, so it is
not honest; blaming it is counted apart. A cap can only be told where the device responded below it: all count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from joulecut_planner.fits import Measurement, fit_series

_LEAST_CLOCKS = 6
_TELLING = 0.1
_SLOWER = 0.05
_LEGEND = (
    "Telling: planted where half the clock changes time or power by a tenth. Throttled: published as a twentieth "
    "slower than a lower clock of the same series, so not honest."
)
_COLUMNS = (
    "file",
    "false clocks found",
    "of the telling ones",
    "honest clocks blamed beside them",
    "throttled ones blamed",
    "honest ones blamed as published",
    "capped clocks found",
)

Series = Sequence[Measurement]


@dataclass(slots=True)
class _Count:
    planted: int = 0
    found: int = 0
    telling: int = 0
    telling_found: int = 0
    honest: int = 0
    blamed: int = 0
    throttled: int = 0
    throttled_blamed: int = 0

    def add(self, rows: Series, table: Series, planted: Sequence[int]) -> None:
        """Fit rows of one memory clock and compare what is suspected with what was planted in the published table."""
        suspects = {point.core_mhz for point in fit_series(rows).suspects}
        fastest = math.inf
        for k, (row, published) in enumerate(zip(rows, table, strict=True)):
            suspect = row.core_mhz in suspects
            slower = (published.latency_s or math.nan) > (1.0 + _SLOWER) * fastest
            fastest = min(fastest, published.latency_s or math.nan)
            if k in planted:
                self.planted += 1
                self.found += suspect
                telling = _change(row.latency_s, published.latency_s) or _change(row.power_w, published.power_w)
                self.telling += telling
                self.telling_found += telling and suspect
            elif slower:
                self.throttled += 1
                self.throttled_blamed += suspect
            else:
                self.honest += 1
                self.blamed += suspect


def planted_table(files: Mapping[str, Sequence[Series]]) -> list[str]:
    """Lines of the section on planted clocks; files with fewer than six core clocks are left out."""
    lines = [
        "## Planted false clocks and caps",
        "",
        _LEGEND,
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, series in files.items():
        tables = [table for rows in series for table in _tables(rows)]
        if not tables:
            continue
        plain, false, cap = _Count(), _Count(), _Count()
        for table in tables:
            plain.add(table, table, ())
            for k in range(len(table)):
                false.add([*table[:k], at_clock(table, k, table[k].core_mhz / 2), *table[k + 1 :]], table, (k,))
            if table[0].power_w is not None:
                limit = math.sqrt(table[-4].core_mhz * table[-3].core_mhz)
                top = range(len(table) - 3, len(table))
                cap.add([*table[:-3], *(at_clock(table, k, limit) for k in top)], table, top[1:])
        lines.append(
            f"| {name} | {_share(false.found, false.planted)} | {_share(false.telling_found, false.telling)} "
            f"| {_share(false.blamed, false.honest)} | {_share(false.throttled_blamed, false.throttled)} "
            f"| {_share(plain.blamed, plain.honest)} | {_share(cap.found, cap.planted)} |"
        )
    return lines


def _change(value: float | None, published: float | None) -> bool:
    return value is not None and published is not None and abs(math.log(value / published)) > _TELLING


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
