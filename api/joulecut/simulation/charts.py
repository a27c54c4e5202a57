"""The pictures of a simulation: every policy over the loads, and what happened over time under each load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Bars, Chart, Layer, Line, Panel
from joulecut.simulation.rows import Run, RunRow, Simulation, known, runs_by_load
from joulecut_planner.serving.simulation.recording import TimelineStep

_PANELS: Mapping[str, Callable[[RunRow], float | None]] = {
    "mJ per answer, idle time included": lambda row: _milli(row.energy_per_request_j),
    "mJ per answer, without idle time": lambda row: _milli(row.busy_energy_per_request_j),
    "late or turned away, %": lambda row: 100.0 * row.miss_rate,
}


def overview_chart(simulation: Simulation) -> Chart:
    """Both energies per answer and the misses over utilisation; bars where there is one load only."""
    swept = len({row.utilisation for row in simulation.rows}) > 1
    names = list(_colours(simulation.runs))
    axis = Axis(label="utilisation, %") if swept else Axis(label="", ticks=tuple(map(_tick, enumerate(names))))
    return Chart(
        name="overview",
        title="Energy and misses of every policy",
        caption=f"{_basis(simulation)} (runs.csv).",
        panels=tuple(
            Panel(
                x=axis,
                y=Axis(label=label),
                layers=_lines(simulation, value) if swept else _bars(simulation, value),
                height=250,
            )
            for label, value in _PANELS.items()
        ),
        shared_x=True,
    )


def timeline_charts(simulation: Simulation) -> tuple[Chart, ...]:
    """One chart for each load, `timeline-1` and so on; none of a simulation that keeps no steps."""
    return tuple(
        _timeline(f"timeline-{number}", f"Over time: {load.text}", simulation, runs)
        for number, (load, runs) in enumerate(runs_by_load(simulation).items(), start=1)
        if all(run.timeline for run in runs)
    )


def _lines(simulation: Simulation, value: Callable[[RunRow], float | None]) -> tuple[Layer, ...]:
    """One line for each policy and assumed speed-up; all speed-ups but the first are dotted."""
    lines = []
    for policy, colour in _colours(simulation.runs).items():
        rows = [row for row in simulation.rows if row.policy == policy]
        for number, speed_up in enumerate(dict.fromkeys(row.int8_speed_up for row in rows)):
            mine = sorted(
                (row for row in rows if row.int8_speed_up == speed_up), key=lambda row: row.utilisation or 0.0
            )
            lines.append(
                Line(
                    name=policy if number == 0 else f"{policy}, INT8 {speed_up:g}",
                    x=tuple(100.0 * (row.utilisation or 0.0) for row in mine),
                    y=tuple(value(row) for row in mine),
                    colour=colour,
                    dashed=number > 0,
                    dots=True,
                )
            )
    return tuple(lines)


def _bars(simulation: Simulation, value: Callable[[RunRow], float | None]) -> tuple[Layer, ...]:
    first = {row.policy: row for row in reversed(simulation.rows)}
    return tuple(
        Bars(name="", places=(float(place),), values=(value(first[policy]) or 0.0,), colour=colour)
        for place, (policy, colour) in enumerate(_colours(simulation.runs).items())
    )


def _timeline(name: str, title: str, simulation: Simulation, runs: Sequence[Run]) -> Chart:
    colours = _colours(simulation.runs)
    seconds = Axis(label="seconds")
    values: Mapping[str, Callable[[TimelineStep], float | None]] = {
        "batch": lambda step: known(step.batch),
        "core clock, MHz": lambda step: known(step.core_mhz),
        "full precision, % of busy time": lambda step: 100.0 * step.variant_shares[0] if step.batch > 0.0 else None,
        f"power, W ({simulation.table.power_scope})": lambda step: known(step.power_w),
    }
    panels = [Panel(x=Axis(label=""), y=Axis(label="requests/s"), layers=_load(runs, colours), height=170)]
    for label, value in values.items():
        layers = tuple(
            Line(
                name=run.row.policy,
                x=_starts(_drawn(run)),
                y=tuple(value(step) for step in _drawn(run)),
                colour=colours[run.row.policy],
            )
            for run in runs
        )
        panels.append(Panel(x=Axis(label=""), y=Axis(label=label), layers=layers, height=170))
    last = Panel(x=seconds, y=panels[-1].y, layers=panels[-1].layers, height=panels[-1].height)
    return Chart(
        name=name,
        title=title,
        caption=(
            "Load, batch, clock, precision and power (timeline.csv); dotted: requests that were late or turned away. "
            "A last step of less than half a step is not drawn: its means are of a moment. "
            f"{_basis(simulation)}."
        ),
        panels=(*panels[:-1], last),
        shared_x=True,
    )


def _load(runs: Sequence[Run], colours: Mapping[str, str]) -> tuple[Layer, ...]:
    """The requests of a load as they came, and what of them each policy missed."""
    first = _drawn(runs[0])
    arrivals = tuple(step.arrivals / _width_s(first) for step in first)
    layers: list[Layer] = [
        Line(name="requests", x=_starts(first), y=arrivals, colour=palette.GREY, step=True),
    ]
    for run in runs:
        steps = _drawn(run)
        lost = tuple((step.late + step.rejected) / _width_s(steps) for step in steps)
        if any(lost):
            colour = colours[run.row.policy]
            layers.append(Line(name=f"{run.row.policy}: missed", x=_starts(steps), y=lost, colour=colour, dashed=True))
    return tuple(layers)


def _drawn(run: Run) -> Sequence[TimelineStep]:
    """The steps without a last one that was hardly begun: the watts of its last answer would set the axis."""
    steps = run.timeline
    if len(steps) < 3:
        return steps
    return steps if run.row.duration_s - steps[-1].start_s >= 0.5 * _width_s(steps) else steps[:-1]


def _colours(runs: Sequence[Run]) -> Mapping[str, str]:
    """A colour for each policy."""
    names = dict.fromkeys(run.row.policy for run in runs)
    return {name: palette.series_colour(index) for index, name in enumerate(names)}


def _basis(simulation: Simulation) -> str:
    """How the figures were obtained that everything follows from."""
    kinds = dict.fromkeys(variant.figures.value for variant in simulation.table.variants)
    table = simulation.table
    return f"{table.network} on {table.device}, simulated from a service table that is {' and '.join(kinds)}"


def _tick(numbered: tuple[int, str]) -> tuple[float, str]:
    return float(numbered[0]), numbered[1]


def _milli(value: float | None) -> float | None:
    return None if value is None else 1e3 * value


def _starts(steps: Sequence[TimelineStep]) -> tuple[float, ...]:
    return tuple(step.start_s for step in steps)


def _width_s(steps: Sequence[TimelineStep]) -> float:
    return steps[1].start_s - steps[0].start_s if len(steps) > 1 else 1.0
