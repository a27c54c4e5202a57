"""The local case: the whole network on the device, each model picks the clock, the table says what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from joulecut.reproduction.choosing import (
    DEADLINE_FACTORS,
    MISS,
    TIME_WEIGHTS,
    as_forecasts,
    least_energy,
    least_sum,
    weighted_cost,
)
from joulecut.reproduction.forecasts import Forecast, Model, calibration, forecasts
from joulecut.reproduction.series import Series, SeriesPoint, fastest_s


class Goal(str, Enum):
    """What a clock is chosen for."""

    WEIGHTED = "weighted"
    """The least w t/t0 + (1 - w) E/E0."""
    DEADLINE = "deadline"
    """The least energy within a deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRow:
    """One choice and what came of it. Reductions are against CPU-DVFS's choice in the same case, as shares."""

    row: str
    series: str
    device: str
    workload: str
    source: str
    licence: str
    latency_kind: str
    energy_kind: str
    power_scope: str
    goal: str
    parameter: float
    """The weight of time, or the deadline as a multiple of the least latency."""
    model: str
    core_mhz: float
    best_core_mhz: float
    """What somebody who knows the whole table picks."""
    expected_latency_s: float
    expected_energy_j: float
    latency_s: float
    energy_j: float
    missed: bool
    time_reduction: float
    energy_reduction: float
    cost_excess: float
    """What was chosen for (weighted cost, or energy) above the best, as a share."""


def local_rows(series: Sequence[Series]) -> tuple[LocalRow, ...]:
    """Every network series at its top memory clock, every goal, every model."""
    drafts = [draft for each in series if each.is_network for draft in _rows(each.at_top_memory())]
    return tuple(_numbered(draft, index) for index, draft in enumerate(drafts, start=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    series: Series
    goal: Goal
    parameter: float
    model: Model
    chosen: Forecast
    achieved: SeriesPoint
    rival: SeriesPoint
    best: SeriesPoint
    missed: bool
    excess: float


def _rows(series: Series) -> Iterator[_Draft]:
    known, points = calibration(series), [each.point for each in series.points]
    expected = {model: forecasts(model, known, points) for model in Model}
    truth = as_forecasts(series.points)
    reference = max(series.points, key=lambda each: each.point.core_mhz)
    cases = [(Goal.WEIGHTED, weight) for weight in TIME_WEIGHTS]
    cases += [(Goal.DEADLINE, factor) for factor in DEADLINE_FACTORS]
    for goal, parameter in cases:
        deadline_s = parameter * fastest_s(series.points) if goal is Goal.DEADLINE else None
        chosen = {model: _choose(each, deadline_s, parameter, reference) for model, each in expected.items()}
        best = series.at(_choose(truth, deadline_s, parameter, reference).point)
        rival = series.at(chosen[Model.CPU_DVFS].point)
        for model in Model:
            achieved = series.at(chosen[model].point)
            yield _Draft(
                series=series,
                goal=goal,
                parameter=parameter,
                model=model,
                chosen=chosen[model],
                achieved=achieved,
                rival=rival,
                best=best,
                missed=deadline_s is not None and achieved.latency_s > MISS * deadline_s,
                excess=_cost(achieved, goal, parameter, reference) / _cost(best, goal, parameter, reference) - 1.0,
            )


def _choose(
    expected: Sequence[Forecast], deadline_s: float | None, parameter: float, reference: SeriesPoint
) -> Forecast:
    if deadline_s is None:
        return least_sum(expected, parameter, reference)
    return least_energy(expected, deadline_s)


def _cost(point: SeriesPoint, goal: Goal, parameter: float, reference: SeriesPoint) -> float:
    if goal is Goal.DEADLINE:
        return point.energy_j
    return weighted_cost(point.latency_s, point.energy_j, parameter, reference)


def _numbered(draft: _Draft, index: int) -> LocalRow:
    series = draft.series
    return LocalRow(
        row=f"L{index:03}",
        series=series.name,
        device=series.device,
        workload=series.workload,
        source=series.source,
        licence=series.licence,
        latency_kind=series.latency_kind.value,
        energy_kind=series.energy_kind.value,
        power_scope=series.power_scope,
        goal=draft.goal.value,
        parameter=draft.parameter,
        model=draft.model.value,
        core_mhz=draft.chosen.point.core_mhz,
        best_core_mhz=draft.best.point.core_mhz,
        expected_latency_s=draft.chosen.latency_s,
        expected_energy_j=draft.chosen.energy_j,
        latency_s=draft.achieved.latency_s,
        energy_j=draft.achieved.energy_j,
        missed=draft.missed,
        time_reduction=1.0 - draft.achieved.latency_s / draft.rival.latency_s,
        energy_reduction=1.0 - draft.achieved.energy_j / draft.rival.energy_j,
        cost_excess=draft.excess,
    )
