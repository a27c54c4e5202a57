"""How one direction of an emulated link behaves: bandwidth (constant or a recorded trace), delay, jitter."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from joulecut_core.decoding import show
from joulecut_core.errors import ConfigError

_COLUMNS = ["time_s", "bandwidth_bps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmission:
    """When the last bit has left, and for how long bits were leaving (outages left out). Both in seconds."""

    end_s: float
    airtime_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkShape:
    """One direction: either `bandwidth_bps` or a `trace` of (time_s, bandwidth_bps), ascending, replayed in a loop.

    A traced value holds until the next row, the last one as long as the one before it; 0 is an outage. `delay_s` is one
    way. Each piece is delayed by up to `jitter_s` more; order is kept and nothing is lost. Raises ConfigError.
    """

    bandwidth_bps: float | None = None
    trace: tuple[tuple[float, float], ...] = ()
    delay_s: float = 0.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        if (self.bandwidth_bps is None) == (not self.trace):
            raise ConfigError("a link has both or neither of bandwidth_bps and trace; expected exactly one")
        for name, value in (("delay_s", self.delay_s), ("jitter_s", self.jitter_s)):
            _check_not_negative(name, value)
        if self.bandwidth_bps is not None:
            _check_not_negative("bandwidth_bps", self.bandwidth_bps)
        for index, (time_s, bandwidth_bps) in enumerate(self.trace):
            _check_not_negative(f"trace[{index}].time_s", time_s)
            _check_not_negative(f"trace[{index}].bandwidth_bps", bandwidth_bps)
        for index, (before, after) in enumerate(pairwise(self.trace)):
            if after[0] <= before[0]:
                raise ConfigError(
                    f"trace[{index + 1}].time_s: {after[0]!r}; expected more than {before[0]!r} before it"
                )

    def bandwidth_at_bps(self, time_s: float) -> float:
        """Bits per second at an instant after the start."""
        if self.bandwidth_bps is not None:
            return self.bandwidth_bps
        return next(self._segments(time_s))[1]

    def transmit(self, start_s: float, size_bytes: int) -> Transmission | None:
        """Put bytes on the air at `start_s` seconds after the start; None where they would never leave."""
        left_bits = 8.0 * size_bytes
        if max((bandwidth_bps for _, bandwidth_bps in self.trace), default=self.bandwidth_bps or 0.0) == 0.0:
            return None
        now_s, airtime_s = start_s, 0.0
        for end_s, bandwidth_bps in self._segments(start_s):
            if bandwidth_bps > 0.0:
                needed_s = left_bits / bandwidth_bps
                if now_s + needed_s <= end_s:
                    return Transmission(end_s=now_s + needed_s, airtime_s=airtime_s + needed_s)
                left_bits -= bandwidth_bps * (end_s - now_s)
                airtime_s += end_s - now_s
            now_s = end_s
        raise AssertionError("segments never end")

    def _segments(self, start_s: float) -> Iterator[tuple[float, float]]:
        """Ends and bandwidths of the stretches of constant bandwidth from `start_s` on; the last never ends."""
        if self.bandwidth_bps is not None or len(self.trace) == 1:
            yield math.inf, self.trace[0][1] if self.bandwidth_bps is None else self.bandwidth_bps
            return
        starts_s = [time_s - self.trace[0][0] for time_s, _ in self.trace]
        loop_s = 2 * starts_s[-1] - starts_s[-2]
        lap, in_lap_s = divmod(start_s, loop_s)
        index = bisect_right(starts_s, in_lap_s) - 1
        while True:
            last = index + 1 == len(starts_s)
            end_s = lap * loop_s + (loop_s if last else starts_s[index + 1])
            yield end_s, self.trace[index][1]
            index, lap = (0, lap + 1) if last else (index + 1, lap)


def load_trace(path: Path) -> tuple[tuple[float, float], ...]:
    """Rows of a CSV file with the columns time_s and bandwidth_bps; raises ConfigError naming file and line."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); expected a CSV file of a bandwidth trace") from error
    if not rows or rows[0] != _COLUMNS:
        found = show(rows[0]) if rows else "missing"
        raise ConfigError(f"{path}: the first line is {found}; expected {','.join(_COLUMNS)}")
    if len(rows) == 1:
        raise ConfigError(f"{path}: no rows; expected at least one")
    return tuple(_row(path, line, row) for line, row in enumerate(rows[1:], start=2))


def _row(path: Path, line: int, row: list[str]) -> tuple[float, float]:
    try:
        time_s, bandwidth_bps = (float(cell) for cell in row)
    except ValueError as error:
        found = show(",".join(row))
        raise ConfigError(f"{path}:{line}: {found}; expected two numbers: {','.join(_COLUMNS)}") from error
    _check_not_negative(f"{path}:{line}: time_s", time_s)
    _check_not_negative(f"{path}:{line}: bandwidth_bps", bandwidth_bps)
    return time_s, bandwidth_bps


def _check_not_negative(name: str, value: float) -> None:
    if not 0.0 <= value < math.inf:
        raise ConfigError(f"{name}: {value!r}; expected a finite number of at least 0")
