"""What a profile is to measure: which operating points, how long, how often.

The defaults are modest on purpose: where a slow host emulates a device, every second here lasts the
slow-down factor on the wall. For nine cuts they come to some 6 s of an Orin Nano (8 points and 16 parts,
a meter that ticks every 20 ms) and 20 s of an H200 (5 points, every 100 ms); a request rate of 10 Hz
adds 5 s under the governor and 5 s at each of two held clocks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ConfigError

T = TypeVar("T")

_LONG_LADDER = 32
"""Jetsons list at most some 30 core clocks, data-centre GPUs 80 and more."""
_MAY_BE_ZERO = frozenset({"warm_up", "cool_down_s", "remeasurements", "part_core_clocks", "most_parts", "seed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePlan:
    """How to profile; the same plan and seed measure the same points in the same order.

    `core_clocks` and `memory_clocks`: how many of each to take from the clock table, spread over it
    (four core clocks carry a fit of 1-3 %; `many_core_clocks` where there are more than 32, as
    on data-centre GPUs, whose power bends over a wider range). `repetitions`: block-timed runs of the whole
    network per point. `warm_up`: untimed runs before each. `remeasurements`: how often a point at which the
    device got too hot is measured again, each time after `cool_down_s` seconds of rest. `window_periods`: a
    window lasts at least that many periods of the meter (below ten its granularity shows) and `window_runs` runs.
    `part_core_clocks`: at how many core clocks of the top memory clock whole parts are measured, and
    `most_parts`: at how many cuts, spread evenly. `codec_runs`: runs per codec and cut.
    `governed_requests`: requests per rate, or as many as fill `governed_periods` of the meter where that
    is more, after `settle_requests` that only let the governor settle, or until the meter has ticked; at the clocks of
    whole parts as many each.
    """

    core_clocks: int = 4
    many_core_clocks: int = 5
    memory_clocks: int = 3
    repetitions: int = 10
    warm_up: int = 2
    remeasurements: int = 1
    cool_down_s: float = 30.0
    window_periods: int = 10
    window_runs: int = 10
    part_core_clocks: int = 2
    most_parts: int = 64
    part_window_periods: int = 5
    part_window_runs: int = 5
    codec_runs: int = 10
    governed_requests: int = 40
    governed_periods: int = 20
    settle_requests: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), 0 if field.name in _MAY_BE_ZERO else 1
            if value < least:
                raise ConfigError(f"profile plan: {field.name} is {value}; expected at least {least}")

    def points(self, table: ClockTable) -> tuple[OperatingPoint, ...]:
        """The operating points to measure, in the table's order; always contains the table's top."""
        return tuple(
            OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz)
            for memory_mhz in span(table.memory_clocks_mhz, self.memory_clocks)
            for core_mhz in self._core_clocks(table.core_clocks_mhz(memory_mhz))
        )

    def part_points(self, table: ClockTable) -> tuple[OperatingPoint, ...]:
        """Those of `points` at which whole parts are measured: lowest to highest core clock, top memory clock."""
        at_top_memory = [point for point in self.points(table) if point.memory_mhz == table.top.memory_mhz]
        return span(at_top_memory, self.part_core_clocks) if self.part_core_clocks else ()

    def part_cuts(self, last: int) -> tuple[int, ...]:
        """The cuts whose parts are measured; the whole network is a point, so cuts 0 and `last` are not."""
        return span(range(1, last), self.most_parts) if self.most_parts else ()

    def _core_clocks(self, clocks_mhz: tuple[float, ...]) -> tuple[float, ...]:
        return span(clocks_mhz, self.many_core_clocks if len(clocks_mhz) > _LONG_LADDER else self.core_clocks)


def span(values: Sequence[T], count: int) -> tuple[T, ...]:
    """`count` of ascending values, evenly spread over their places, lowest and highest among them.

    All of them where there are no more than `count`; the highest alone for a count of 1.
    """
    if count >= len(values):
        return tuple(values)
    if count == 1:
        return (values[-1],)
    places = [round(step * (len(values) - 1) / (count - 1)) for step in range(count)]
    return tuple(values[place] for place in places)
