"""Charts as matplotlib draws them: PNG and SVG files for papers and slides. Needs matplotlib (`report` extra)."""

from __future__ import annotations

import io
from enum import Enum
from typing import TYPE_CHECKING

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Bars, Cells, Chart, Layer, Line, Panel, Points, Rule, Shape
from joulecut_core.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 110
_WIDTH_IN, _PIXELS_PER_IN = 8.4, 100
_MARKERS = {
    Shape.CIRCLE: "o",
    Shape.SQUARE: "s",
    Shape.DIAMOND: "D",
    Shape.TRIANGLE: "^",
    Shape.STAR: "*",
}
_MOST_ENTRIES = 14
_NOTHING = float("nan")


class Still(str, Enum):
    """A format of files."""

    PNG = "png"
    SVG = "svg"


def still(chart: Chart, form: Still) -> bytes:
    """The chart as a file's content; equal charts make equal files. Raises ConfigError where matplotlib is missing."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - of an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as cause:
        raise ConfigError("pictures need matplotlib; install it with `pip install 'joulecut[report]'`") from cause
    # No mathematics in names: `$` is a sign like others. Without the writer's version and date, and with a fixed
    # salt of element ids, the same chart gives the same file.
    with mpl.rc_context({"svg.hashsalt": "joulecut", "svg.fonttype": "none", "text.parse_math": False}):
        figure = _figure(Figure, chart)
        buffer = io.BytesIO()
        metadata = {"Software": None} if form is Still.PNG else {"Date": None, "Creator": None}
        figure.savefig(buffer, format=form.value, dpi=_DPI, metadata=metadata)
    return buffer.getvalue()


def _figure(make: type[Figure], chart: Chart) -> Figure:
    heights = [panel.height for panel in chart.panels]
    legend = sum(bool(layer.name) for panel in chart.panels for layer in panel.layers if not isinstance(layer, Cells))
    size = (_WIDTH_IN, (sum(heights) + 60 * len(heights) + 12 * min(legend, _MOST_ENTRIES)) / _PIXELS_PER_IN)
    figure = make(figsize=size, layout="constrained")
    figure.suptitle(chart.title, fontsize=10)
    drawn = figure.subplots(
        len(heights), 1, sharex=chart.shared_x, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for panel, (axes,) in zip(chart.panels, drawn, strict=True):
        _draw(axes, panel)
    entries = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        if label and not label.startswith("_")
    }
    if entries:
        figure.legend(
            list(entries.values()), list(entries), loc="outside lower center", ncols=2, fontsize=7, frameon=False
        )
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    axes.grid(visible=True, color="#808a96", alpha=0.25, linewidth=0.7)
    axes.set_axisbelow(True)
    for layer in panel.layers:
        _add(axes, layer, panel)
    for rule in panel.rules:
        _rule(axes, rule)
    for which, axis in (("x", panel.x), ("y", panel.y)):
        _scale(axes, which, axis)
    axes.tick_params(labelsize=7)


def _add(axes: Axes, layer: Layer, panel: Panel) -> None:
    if isinstance(layer, Cells):
        _add_cells(axes, layer)
    elif isinstance(layer, Points):
        if layer.reach:
            reach = [end - start for start, end in zip(layer.x, layer.reach, strict=True)]
            axes.errorbar(layer.x, layer.y, xerr=[[0.0] * len(reach), reach], fmt="none", ecolor=layer.colour)
        axes.plot(
            layer.x,
            layer.y,
            _MARKERS[layer.shape],
            color=layer.colour,
            markersize=10 if layer.shape is Shape.STAR else 6,
            fillstyle="none" if layer.hollow else "full",
            label=_label(layer.name),
        )
    elif isinstance(layer, Line):
        axes.plot(
            layer.x,
            [_NOTHING if value is None else value for value in layer.y],
            color=layer.colour,
            linewidth=1.2,
            linestyle=":" if layer.dashed else "-",
            drawstyle="steps-post" if layer.step else "default",
            marker="o" if layer.dots else "",
            markersize=3,
            label=_label(layer.name),
        )
    else:
        _add_bars(axes, layer, sideways=panel.sideways)


def _add_bars(axes: Axes, bars: Bars, *, sideways: bool) -> None:
    starts = bars.starts or (0.0,) * len(bars.places)
    if sideways:
        axes.barh(bars.places, bars.values, height=bars.width, left=starts, color=bars.colour, label=_label(bars.name))
    else:
        axes.bar(bars.places, bars.values, width=bars.width, bottom=starts, color=bars.colour, label=_label(bars.name))


def _add_cells(axes: Axes, cells: Cells) -> None:
    free = [
        [_NOTHING if is_blocked else value for value, is_blocked in zip(*pair, strict=True)]
        for pair in zip(cells.values, cells.blocked, strict=True)
    ]
    places = (range(len(cells.values[0])), range(len(cells.values)))
    mesh = axes.pcolormesh(*places, free, cmap=palette.SEQUENTIAL, shading="nearest")
    bar = axes.figure.colorbar(mesh, ax=axes)
    bar.set_label(cells.label, fontsize=7)
    bar.ax.tick_params(labelsize=7)
    for row, line in enumerate(cells.blocked):
        for column, is_blocked in enumerate(line):
            if is_blocked:
                axes.bar(column, 1.0, width=1.0, bottom=row - 0.5, color="#e3e6ea", hatch="////", edgecolor="#9aa3ad")


def _rule(axes: Axes, rule: Rule) -> None:
    if rule.level:
        axes.axhline(rule.at, linestyle="--", linewidth=1, color="#5b6670")
        axes.annotate(rule.label, (0.01, rule.at), xycoords=("axes fraction", "data"), fontsize=7, va="bottom")
    else:
        axes.axvline(rule.at, linestyle="--", linewidth=1, color="#5b6670")
        axes.annotate(rule.label, (rule.at, 1.01), xycoords=("data", "axes fraction"), fontsize=7, ha="center")


def _scale(axes: Axes, which: str, axis: Axis) -> None:
    if axis.log:
        from matplotlib.ticker import LogFormatter  # noqa: PLC0415 - of an extra

        axes.set(**{f"{which}scale": "log"})
        # The usual ones write powers in the mathematics that names are kept from.
        marks = axes.xaxis if which == "x" else axes.yaxis
        marks.set_major_formatter("{x:g}")
        marks.set_minor_formatter(LogFormatter())
    elif axis.ticks:
        places, texts = [place for place, _ in axis.ticks], [text for _, text in axis.ticks]
        long = which == "x" and sum(map(len, texts)) > 90
        setter = axes.set_xticks if which == "x" else axes.set_yticks
        setter(places, texts, rotation=75 if long else 0)
    elif axis.from_zero:
        low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
        axes.set(**{f"{which}lim": (min(0.0, low) if low < 0.0 else 0.0, max(0.0, high))})
    if axis.downwards:
        axes.yaxis.set_inverted(True)
    axes.set(**{f"{which}label": axis.label})
    (axes.xaxis if which == "x" else axes.yaxis).label.set_fontsize(8)


def _label(name: str) -> str:
    # matplotlib leaves out of a legend what begins with an underscore.
    return f" {name}" if name.startswith("_") else name or "_"
