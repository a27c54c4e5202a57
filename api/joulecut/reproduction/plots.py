"""The pictures of the reproduction, as PNG. Needs matplotlib (`report` extra)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from joulecut.reproduction.cooperative_case import CooperativeRow
from joulecut.reproduction.course import Reproduction
from joulecut.reproduction.findings import Case, Finding
from joulecut.reproduction.forecasts import Model
from joulecut.reproduction.local_case import Goal, LocalRow
from joulecut.reproduction.series import Series
from joulecut_core.errors import ConfigError
from joulecut_core.figures import FigureKind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 110
_COLOURS = {Model.CPU_DVFS: "#b3541e", Model.HAN: "#7a6ca8", Model.JOULECUT: "#1a7f4b"}
_CPU, _OURS = "#b3541e", "#1a7f4b"


def plots(result: Reproduction) -> Mapping[str, bytes]:
    """PNG by name. Raises ConfigError where matplotlib is not installed."""
    # Legends have places of their own: matplotlib warns where it has long looked for one, as on a busy host.
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - of an extra
    except ImportError as cause:
        raise ConfigError("plots need matplotlib; install it with `pip install 'joulecut[report]'`") from cause
    figures = {
        "local_choices": _local_choices(Figure(figsize=(8, 3.6)), result),
        "local_weights": _local_weights(Figure(figsize=(8, 3.6)), result.local),
        "cooperative": _cooperative(Figure(figsize=(8, 3.6)), result.cooperative),
        "memory": _memory(Figure(figsize=(8, 3.6)), result.findings),
    }
    return {name: _png(figure) for name, figure in figures.items()}


def _local_choices(figure: Figure, result: Reproduction) -> Figure:
    """Energy against clock of one measured and one emulated series, with the clocks picked for energy alone."""
    chosen = _one_each(result.series)
    for place, series in enumerate(chosen, start=1):
        axes = figure.add_subplot(1, len(chosen), place)
        points = series.at_top_memory().points
        cores = [each.point.core_mhz for each in points]
        axes.plot(cores, [1e3 * each.energy_j for each in points], "o-", color="#8a94a0", markersize=4)
        for model in Model:
            row = next(
                row
                for row in result.local
                if (row.series, row.goal, row.parameter, row.model)
                == (series.name, Goal.WEIGHTED.value, 0.0, model.value)
            )
            shape, size = ("s", 11.0) if model is Model.CPU_DVFS else ("D", 7.0)
            label = f"{model.value} ({row.row})"
            axes.plot([row.core_mhz], [1e3 * row.energy_j], shape, color=_COLOURS[model], markersize=size, label=label)
        axes.set_title(series.name, fontsize=9)
        axes.set_xlabel("core clock, MHz")
        axes.set_ylabel(f"energy of one inference, mJ ({series.energy_kind.value})")
        axes.set_ylim(0, 1.15e3 * max(each.energy_j for each in points))
        axes.legend(fontsize=8, loc="upper right")
    return figure


def _one_each(series: Sequence[Series]) -> list[Series]:
    networks = [each for each in series if each.is_network]
    best_measured = sorted(
        (each for each in networks if each.latency_kind is FigureKind.MEASURED),
        key=lambda each: each.energy_kind is not FigureKind.MEASURED,
    )
    emulated = [each for each in networks if each.latency_kind is FigureKind.EMULATED]
    return [*best_measured[:1], *emulated[-1:]]


def _local_weights(figure: Figure, rows: Sequence[LocalRow]) -> Figure:
    ours = [row for row in rows if row.goal == Goal.WEIGHTED.value and row.model == Model.JOULECUT.value]
    for place, (title, claimed) in enumerate((("less time", 0.66), ("less energy", 0.69)), start=1):
        axes = figure.add_subplot(1, 2, place)
        for name in dict.fromkeys(row.series for row in ours):
            mine = [row for row in ours if row.series == name]
            values = [100 * (row.time_reduction if place == 1 else row.energy_reduction) for row in mine]
            axes.plot([row.parameter for row in mine], values, "o-", markersize=3, label=name)
        axes.axhline(100 * claimed, linestyle="--", color="#444444", linewidth=1)
        axes.annotate("claimed", (0.75, 100 * claimed + 1), fontsize=8)
        axes.set_xlabel("weight of time in the objective")
        axes.set_ylabel(f"{title} than with CPU-DVFS, %")
    figure.axes[1].legend(fontsize=6, loc="upper right", bbox_to_anchor=(1.0, 0.9))
    return figure


def _cooperative(figure: Figure, rows: Sequence[CooperativeRow]) -> Figure:
    groups = list(dict.fromkeys((row.joules_of, row.rate_hz) for row in rows))
    for place, (joules_of, rate_hz) in enumerate(groups, start=1):
        axes = figure.add_subplot(1, len(groups), place)
        mine = [row for row in rows if (row.joules_of, row.rate_hz) == (joules_of, rate_hz)]
        for model, colour in (("cpu-dvfs", _CPU), ("dvfs-aware", _OURS)):
            side = [row for row in mine if row.model == model]
            axes.plot(
                [row.uplink_bps / 1e6 for row in side],
                [1e3 * row.energy_j for row in side],
                "x" if model == "cpu-dvfs" else "o",
                color=colour,
                markersize=5,
                fillstyle="none",
                label=model,
            )
        uplinks = sorted({row.uplink_bps / 1e6 for row in mine})
        axes.set_xscale("log")
        axes.set_xticks(uplinks, [f"{each:g}" for each in uplinks], fontsize=8)
        axes.set_xticks([], minor=True)
        axes.set_title(f"joules of: {joules_of}\n{'on request' if rate_hz is None else f'{rate_hz:g} Hz'}", fontsize=9)
        axes.set_xlabel("uplink, Mbit/s")
        axes.set_ylim(0, 1.1e3 * max(row.energy_j for row in mine))
    if groups:
        figure.axes[0].set_ylabel("metered energy per request, mJ (emulated)")
        figure.axes[0].legend(fontsize=8, loc="lower right")
    return figure


def _memory(figure: Figure, findings: Sequence[Finding]) -> Figure:
    axes = figure.add_subplot(1, 1, 1)
    groups = list(dict.fromkeys(each.of for each in findings if each.case == Case.MEMORY.value))
    for offset, sight, colour in ((-0.2, "blind", _CPU), (0.2, "aware", _OURS)):
        mine = {each.of: each for each in findings if each.what == f"missed, slowest in time, {sight}"}
        values = [100 * mine[of].value for of in groups]
        bars = axes.barh(
            [place + offset for place in range(len(groups))], values, height=0.38, color=colour, label=sight
        )
        axes.bar_label(bars, [f"{mine[of].shown} ({mine[of].row})" for of in groups], fontsize=8, padding=3)
    axes.set_yticks(range(len(groups)), [of.replace(": ", "\n") for of in groups], fontsize=8)
    axes.set_xlabel("deadlines missed by the slowest clock expected in time, %")
    axes.margins(x=0.2)
    axes.legend(fontsize=8, loc="lower right")
    return figure


def _png(figure: Figure) -> bytes:
    figure.set_layout_engine("tight")
    buffer = io.BytesIO()
    # Without the writer's version the same result gives the same file.
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
