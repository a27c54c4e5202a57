"""The pictures of a simulation, as PNG. Needs matplotlib (`report` extra)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from joulecut.simulation.rows import Run, RunRow, Simulation, runs_by_load
from joulecut_core.errors import ConfigError
from joulecut_planner.serving.simulation.recording import TimelineStep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 110
_COLOURS = ("#4062bb", "#b3541e", "#7a6ca8", "#59a5d8", "#8a94a0", "#b8901c", "#1a7f4b", "#c04a7d")
_NONE = float("nan")


def plots(simulation: Simulation) -> Mapping[str, bytes]:
    """PNG by name: `overview`, and `timeline-1` and so on for each load. Raises ConfigError without matplotlib."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - of an extra
    except ImportError as cause:
        raise ConfigError("plots need matplotlib; install it with `pip install 'joulecut[report]'`") from cause
    images = {"overview": _png(_overview(Figure(figsize=(11.5, 3.8)), simulation))}
    for number, (load, runs) in enumerate(runs_by_load(simulation).items(), start=1):
        figure = _timeline(Figure(figsize=(9.2, 11.0)), simulation, runs)
        figure.suptitle(f"{_figures(simulation)}; {load.text}", fontsize=9)
        images[f"timeline-{number}"] = _png(figure)
    return images


def _overview(figure: Figure, simulation: Simulation) -> Figure:
    """Both energies per answer and the misses over utilisation; bars where there is one load only."""
    colours = _policies(simulation.runs)
    panels: Mapping[str, Callable[[RunRow], float | None]] = {
        "mJ per answer, idle time included": lambda row: _milli(row.energy_per_request_j),
        "mJ per answer, without idle time": lambda row: _milli(row.busy_energy_per_request_j),
        "late or turned away, %": lambda row: 100.0 * row.miss_rate,
    }
    swept = len({row.utilisation for row in simulation.rows}) > 1
    for place, (label, value) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        for policy, colour in colours.items():
            rows = [row for row in simulation.rows if row.policy == policy]
            if swept:
                _lines(axes, rows, value, policy, colour)
            else:
                axes.bar(policy, value(rows[0]) or 0.0, color=colour)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0.0)
        if swept:
            axes.set_xlabel("utilisation, %")
        else:
            axes.tick_params(axis="x", rotation=60, labelsize=7)
    if swept:
        figure.axes[0].legend(fontsize=7)
    figure.suptitle(_figures(simulation), fontsize=9)
    return figure


def _lines(
    axes: Axes, rows: Sequence[RunRow], value: Callable[[RunRow], float | None], policy: str, colour: str
) -> None:
    """One line for each assumed speed-up, the first one named, the others fainter."""
    for number, speed_up in enumerate(dict.fromkeys(row.int8_speed_up for row in rows)):
        mine = sorted((row for row in rows if row.int8_speed_up == speed_up), key=lambda row: row.utilisation or 0.0)
        values = [value(row) for row in mine]
        axes.plot(
            [100.0 * (row.utilisation or 0.0) for row in mine],
            [_NONE if each is None else each for each in values],
            color=colour,
            marker="o",
            markersize=4.0,
            alpha=1.0 / (1.0 + 0.5 * number),
            label=policy if number == 0 else f"_{policy}",
        )


def _figures(simulation: Simulation) -> str:
    """How the figures were obtained that everything follows from."""
    kinds = dict.fromkeys(variant.figures.value for variant in simulation.table.variants)
    return f"{simulation.table.network} on {simulation.table.device}; service table: {', '.join(kinds)}"


def _milli(value: float | None) -> float | None:
    return None if value is None else 1e3 * value


def _timeline(figure: Figure, simulation: Simulation, runs: Sequence[Run]) -> Figure:
    """Load, batch, clock, precision and power over time, one line for each policy."""
    load, batch, clock, precision, power = figure.subplots(5, 1, sharex=True)
    first = runs[0].timeline
    load.step(_starts(first), _rates(first), where="post", color="#444444", linewidth=1.0, label="requests")
    colours = _policies(simulation.runs)
    for run in runs:
        steps, name = run.timeline, run.row.policy
        colour = colours[name]
        starts = _starts(steps)
        lost = [step.late + step.rejected for step in steps]
        if any(lost):
            width_s = starts[1] - starts[0] if len(starts) > 1 else 1.0
            load.plot(starts, [count / width_s for count in lost], color=colour, linewidth=0.8, linestyle=":")
        for axes, values in (
            (batch, [step.batch for step in steps]),
            (clock, [step.core_mhz for step in steps]),
            (precision, [100.0 * step.variant_shares[0] if step.batch > 0.0 else _NONE for step in steps]),
            (power, [step.power_w for step in steps]),
        ):
            axes.plot(starts, values, color=colour, linewidth=0.9, label=name, alpha=0.85)
    for axes, label in (
        (load, "requests/s\n(dotted: missed)"),
        (batch, "batch"),
        (clock, "core clock, MHz"),
        (precision, "full precision,\n% of busy time"),
        (power, f"power, W\n({simulation.table.power_scope})"),
    ):
        axes.set_ylabel(label, fontsize=8)
        axes.set_ylim(bottom=0.0)
    precision.set_ylim(-4.0, 104.0)
    power.set_xlabel("seconds")
    batch.legend(fontsize=7, ncols=min(4, len(runs)), loc="upper right")
    return figure


def _policies(runs: Sequence[Run]) -> Mapping[str, str]:
    """A colour for each policy."""
    names = dict.fromkeys(run.row.policy for run in runs)
    return {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}


def _starts(steps: Sequence[TimelineStep]) -> list[float]:
    return [step.start_s for step in steps]


def _rates(steps: Sequence[TimelineStep]) -> list[float]:
    width_s = steps[1].start_s - steps[0].start_s if len(steps) > 1 else 1.0
    return [step.arrivals / width_s for step in steps]


def _png(figure: Figure) -> bytes:
    figure.set_layout_engine("tight")
    buffer = io.BytesIO()
    # Without the writer's version the same result gives the same file.
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
