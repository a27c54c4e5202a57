"""Charts as plotly draws them: HTML that answers to a pointer and fits its width. Needs plotly (`report` extra)."""

from __future__ import annotations

import html
import math
import textwrap
from typing import TYPE_CHECKING, Any

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Cells, Chart, Layer, Line, Panel, Points, Rule, Shape
from joulecut_core.errors import ConfigError

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SYMBOLS = {
    Shape.CIRCLE: "circle",
    Shape.SQUARE: "square",
    Shape.DIAMOND: "diamond",
    Shape.TRIANGLE: "triangle-up",
    Shape.STAR: "star",
}
_BLOCKED = "#b9c0c8"
_TOP, _GAP, _ENTRY_HEIGHT = 28, 70, 20
"""Pixels above the first panel, between two, and of a legend's line."""
_AXIS_HEIGHT = 60
"""Pixels of the last axis: its numbers and its label."""
_LEGEND_WIDTH = 44
"""Characters of a legend's line that a phone has room for."""
_MOST_ROWS_APART = 30
"""Lines between more rows of cells would cover the cells."""
_FIT = """
const chart = document.getElementById("{plot_id}");
const inner = chart.layout.height - chart.layout.margin.t - chart.layout.margin.b;
const fit = () => {
  const legend = chart.querySelector(".legend .bg");
  const below = legend ? AXIS_HEIGHT + Math.ceil(legend.getBoundingClientRect().height) : AXIS_HEIGHT;
  if (Math.abs(below - chart.layout.margin.b) <= 2) return;
  const height = inner + chart.layout.margin.t + below;
  chart.parentElement.style.height = height + "px";
  Plotly.relayout(chart, {"margin.b": below, height: height});
};
chart.on("plotly_afterplot", fit);
fit();
""".replace("AXIS_HEIGHT", str(_AXIS_HEIGHT))
"""How many lines a legend takes is known where it is drawn: the page closes the gap."""


def script() -> str:
    """The library itself, to be inlined once in a page. Raises ConfigError where plotly is not installed."""
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415 - of an extra
    except ImportError as cause:
        raise ConfigError("pages need plotly; install it with `pip install 'joulecut[report]'`") from cause
    return str(get_plotlyjs())


def drawn(chart: Chart) -> str:
    """The chart's element and the script that fills it; `script` has to stand before it on the page."""
    return str(
        figure_of(chart).to_html(
            full_html=False,
            include_plotlyjs=False,
            include_mathjax=False,
            div_id=f"chart-{chart.name}",
            post_script=_FIT if _has_legend(chart) else None,
            config={"responsive": True, "displaylogo": False, "displayModeBar": False},
        )
    )


def figure_of(chart: Chart) -> go.Figure:
    """The chart as plotly's own figure."""
    from plotly.subplots import make_subplots  # noqa: PLC0415 - of an extra

    panels = chart.panels
    inner = sum(panel.height for panel in panels) + _GAP * (len(panels) - 1)
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        shared_xaxes=chart.shared_x,
        vertical_spacing=_GAP / inner if len(panels) > 1 else 0.0,
        row_heights=[float(panel.height) for panel in panels],
    )
    named: set[str] = set()
    for row, panel in enumerate(panels, start=1):
        for layer in panel.layers:
            _add(figure, layer, panel, row, named)
        for rule in panel.rules:
            _rule(figure, rule, panel, row)
        figure.update_xaxes(_axis(panel.x), row=row, col=1)
        figure.update_yaxes(_axis(panel.y), row=row, col=1)
    below = _AXIS_HEIGHT + _ENTRY_HEIGHT * sum(len(_legend_lines(name)) for name in named)
    figure.update_layout(
        template="none",
        height=inner + _TOP + below,
        margin={"l": 8, "r": 8, "t": _TOP, "b": below},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12},
        barmode="overlay",
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        showlegend=len(named) > 0,
        hoverlabel={"align": "left"},
    )
    return figure


def _add(figure: go.Figure, layer: Layer, panel: Panel, row: int, named: set[str]) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - of an extra

    if isinstance(layer, Cells):
        _add_cells(figure, layer, row)
        return
    legend = {
        "name": _text("\n".join(_legend_lines(layer.name))),
        "legendgroup": layer.name,
        "showlegend": _is_new(layer.name, named),
    }
    if isinstance(layer, Points):
        trace = go.Scatter(
            x=layer.x,
            y=layer.y,
            mode="markers",
            marker={
                "symbol": _SYMBOLS[layer.shape] + ("-open" if layer.hollow else ""),
                "size": 13 if layer.shape is Shape.STAR else 10,
                "color": layer.colour,
                "line": {"width": 2 if layer.hollow else 0.5, "color": layer.colour},
            },
            error_x=_whiskers(layer),
            **_hover(layer.notes),
            **legend,
        )
    elif isinstance(layer, Line):
        trace = go.Scatter(
            x=layer.x,
            y=layer.y,
            mode="lines+markers" if layer.dots else "lines",
            line={
                "color": layer.colour,
                "width": 2,
                "dash": "dot" if layer.dashed else "solid",
                "shape": "hv" if layer.step else "linear",
            },
            marker={"size": 5},
            **legend,
        )
    else:
        places, values = ("y", "x") if panel.sideways else ("x", "y")
        trace = go.Bar(
            **{places: layer.places, values: layer.values},
            base=layer.starts or None,
            width=layer.width,
            orientation="h" if panel.sideways else "v",
            marker={"color": layer.colour},
            **_hover(layer.notes),
            **legend,
        )
    figure.add_trace(trace, row=row, col=1)


def _add_cells(figure: go.Figure, cells: Cells, row: int) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - of an extra

    free = [
        [None if is_blocked else value for value, is_blocked in zip(*pair, strict=True)]
        for pair in zip(cells.values, cells.blocked, strict=True)
    ]
    grey = [[1.0 if is_blocked else None for is_blocked in line] for line in cells.blocked]
    notes = [[_text(note) for note in line] for line in cells.notes]
    gap = 1 if len(cells.values) <= _MOST_ROWS_APART else 0
    shared = {"text": notes, "hovertemplate": "%{text}<extra></extra>", "xgap": 1, "ygap": gap}
    bar = {"title": {"text": _text(cells.label), "side": "right"}, "thickness": 12}
    figure.add_trace(go.Heatmap(z=free, colorscale=palette.SEQUENTIAL, colorbar=bar, **shared), row=row, col=1)
    scale = [[0.0, _BLOCKED], [1.0, _BLOCKED]]
    figure.add_trace(go.Heatmap(z=grey, colorscale=scale, showscale=False, **shared), row=row, col=1)


def _rule(figure: go.Figure, rule: Rule, panel: Panel, row: int) -> None:
    # Of any type: plotly's own hints take rows for words.
    line: dict[str, Any] = {"row": row, "col": 1, "line": {"dash": "dash", "color": palette.GREY, "width": 1.5}}
    label: dict[str, Any] = {"row": row, "col": 1, "text": _text(rule.label), "showarrow": False, "yanchor": "bottom"}
    # On a logarithmic axis plotly places lines by their value, and words by its logarithm.
    if rule.level:
        figure.add_hline(y=rule.at, **line)
        at = math.log10(rule.at) if panel.y.log else rule.at
        figure.add_annotation(y=at, x=0, xref="x domain", xanchor="left", **label)
    else:
        figure.add_vline(x=rule.at, **line)
        at = math.log10(rule.at) if panel.x.log else rule.at
        figure.add_annotation(x=at, y=1, yref="y domain", xanchor="center", **label)


def _axis(axis: Axis) -> dict[str, object]:
    settings: dict[str, object] = {
        "title": {"text": _text(axis.label)},
        "automargin": True,
        "gridcolor": "rgba(128,138,150,0.25)",
        "zerolinecolor": "rgba(128,138,150,0.5)",
        "type": "log" if axis.log else "linear",
    }
    if axis.log:
        # 1, 2, 5, 10: on a phone all nine digits of a decade stand upon each other.
        settings["dtick"] = "D2"
    if axis.ticks:
        settings["tickvals"] = [place for place, _ in axis.ticks]
        settings["ticktext"] = [_text(text) for _, text in axis.ticks]
    elif axis.from_zero and not axis.log:
        settings["rangemode"] = "tozero"
    if axis.downwards:
        settings["autorange"] = "reversed"
    return settings


def _whiskers(points: Points) -> dict[str, object] | None:
    if not points.reach:
        return None
    array = [end - start for start, end in zip(points.x, points.reach, strict=True)]
    return {"type": "data", "array": array, "arrayminus": [0.0] * len(array), "thickness": 1}


def _hover(notes: tuple[str, ...]) -> dict[str, object]:
    return {"hovertext": [_text(note) for note in notes], "hoverinfo": "text"} if notes else {}


def _has_legend(chart: Chart) -> bool:
    return any(layer.name for panel in chart.panels for layer in panel.layers if not isinstance(layer, Cells))


def _legend_lines(name: str) -> list[str]:
    return textwrap.wrap(name, _LEGEND_WIDTH, break_on_hyphens=False) or [name]


def _is_new(name: str, named: set[str]) -> bool:
    if not name or name in named:
        return False
    named.add(name)
    return True


def _text(text: str) -> str:
    """Plotly reads some HTML in its texts: names are shown as they are."""
    return html.escape(text, quote=False).replace("\n", "<br>")
