"""The memory clock: planning that does not know of it against planning that does, on core x memory grids.

    given    something else sets the memory clock (a power mode). Blind: the core clock is chosen by a curve
             measured at the top memory clock. Aware: by curves measured at every memory clock.
    chosen   the plan sets both clocks. Blind: the memory clock stays at its top. Aware: both are chosen.

A given memory clock is met with two rules: the least energy in time, and the slowest core clock in time, which is
what deadline governors of periodic work do.

Blind and aware use the same kind of fit; they differ in what it was fitted to and in what may be chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from joulecut.reproduction.choosing import DEADLINE_FACTORS, MISS, as_forecasts, least_energy, slowest_in_time
from joulecut.reproduction.forecasts import Forecast, Model, calibration, forecasts
from joulecut.reproduction.series import Series, SeriesPoint, fastest_s
from joulecut_core.clocks import OperatingPoint


class Setting(str, Enum):
    """Who sets the memory clock."""

    GIVEN = "given"
    CHOSEN = "chosen"


class Sight(str, Enum):
    """Whether planning knows of the memory clock."""

    BLIND = "blind"
    AWARE = "aware"


class Rule(str, Enum):
    """How an operating point is picked among those expected in time."""

    LEAST_ENERGY = "least energy"
    SLOWEST = "slowest in time"


_PICK: Mapping[Rule, Callable[[Sequence[Forecast], float], Forecast]] = {
    Rule.LEAST_ENERGY: least_energy,
    Rule.SLOWEST: slowest_in_time,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """One choice and what came of it. `energy_excess`: above what the same rule gives who knows all, as a share."""

    row: str
    series: str
    device: str
    workload: str
    source: str
    licence: str
    latency_kind: str
    energy_kind: str
    power_scope: str
    setting: str
    rule: str
    deadline_factor: float
    deadline_s: float
    sight: str
    core_mhz: float
    memory_mhz: float
    expected_latency_s: float
    latency_s: float
    energy_j: float
    best_energy_j: float
    missed: bool
    lateness: float
    """Latency above the deadline, as a share; negative where it is kept."""
    energy_excess: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    setting: Setting
    rule: Rule
    factor: float
    deadline_s: float
    sight: Sight
    chosen: Forecast
    best: SeriesPoint


def memory_rows(series: Sequence[Series]) -> tuple[MemoryRow, ...]:
    """Every series with at least two memory clocks, every deadline, blind and aware."""
    grids = [each for each in series if len(each.memory_clocks_mhz) > 1]
    drafts = [(grid, choice) for grid in grids for choice in _choices(grid)]
    return tuple(_numbered(grid, choice, index) for index, (grid, choice) in enumerate(drafts, start=1))


def _choices(series: Series) -> Iterator[_Choice]:
    points = [each.point for each in series.points]
    known = calibration(series)
    top_mhz = series.memory_clocks_mhz[-1]
    aware = forecasts(Model.JOULECUT, known, points)
    top_points = [point for point in points if point.memory_mhz == top_mhz]
    at_top = forecasts(Model.JOULECUT, [each for each in known if each.point.memory_mhz == top_mhz], top_points)
    for memory_mhz in series.memory_clocks_mhz[:-1]:
        row = series.at_memory(memory_mhz)
        blind = [_moved(each, memory_mhz) for each in at_top]
        reachable = [each for each in blind if any(each.point.matches(known_at.point) for known_at in row)]
        seen = [each for each in aware if each.point.memory_mhz == memory_mhz]
        for rule in Rule:
            yield from _both(Setting.GIVEN, rule, row, reachable, seen)
    yield from _both(Setting.CHOSEN, Rule.LEAST_ENERGY, series.points, at_top, aware)


def _both(
    setting: Setting, rule: Rule, truth: Sequence[SeriesPoint], blind: Sequence[Forecast], aware: Sequence[Forecast]
) -> Iterator[_Choice]:
    for factor in DEADLINE_FACTORS:
        deadline_s = factor * fastest_s(truth)
        best_point = _PICK[rule](as_forecasts(truth), deadline_s).point
        best = next(each for each in truth if each.point.matches(best_point))
        for sight, expected in ((Sight.BLIND, blind), (Sight.AWARE, aware)):
            yield _Choice(
                setting=setting,
                rule=rule,
                factor=factor,
                deadline_s=deadline_s,
                sight=sight,
                chosen=_PICK[rule](expected, deadline_s),
                best=best,
            )


def _moved(forecast: Forecast, memory_mhz: float | None) -> Forecast:
    """What was expected at one memory clock, believed of another."""
    point = OperatingPoint(core_mhz=forecast.point.core_mhz, memory_mhz=memory_mhz)
    return Forecast(point=point, latency_s=forecast.latency_s, energy_j=forecast.energy_j)


def _numbered(series: Series, choice: _Choice, index: int) -> MemoryRow:
    achieved = series.at(choice.chosen.point)
    return MemoryRow(
        row=f"M{index:04}",
        series=series.name,
        device=series.device,
        workload=series.workload,
        source=series.source,
        licence=series.licence,
        latency_kind=series.latency_kind.value,
        energy_kind=series.energy_kind.value,
        power_scope=series.power_scope,
        setting=choice.setting.value,
        rule=choice.rule.value,
        deadline_factor=choice.factor,
        deadline_s=choice.deadline_s,
        sight=choice.sight.value,
        core_mhz=achieved.point.core_mhz,
        memory_mhz=achieved.point.memory_mhz or 0.0,
        expected_latency_s=choice.chosen.latency_s,
        latency_s=achieved.latency_s,
        energy_j=achieved.energy_j,
        best_energy_j=choice.best.energy_j,
        missed=achieved.latency_s > MISS * choice.deadline_s,
        lateness=achieved.latency_s / choice.deadline_s - 1.0,
        energy_excess=achieved.energy_j / choice.best.energy_j - 1.0,
    )
