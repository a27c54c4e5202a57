"""The pictures of a study, as PNG. Needs matplotlib (`report` extra)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from joulecut.study.engine_names import EngineName
from joulecut.study.rows import LayerRow, ModelRow, Study
from joulecut.study.views import batch_ends, networks
from joulecut_core.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 110
_EAGER = EngineName.EAGER.value
_KIND_COLOURS = {
    "convolution": "#4062bb",
    "depthwise": "#59a5d8",
    "matmul": "#1a7f4b",
    "normalisation": "#8fbf6b",
    "elementwise": "#b3541e",
    "reduction": "#7a6ca8",
    "copy": "#8a94a0",
}

Draw = Callable[["Axes", Study, str], bool]


def plots(study: Study) -> Mapping[str, bytes]:
    """PNG by name, those that the data carry. Raises ConfigError where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - of an extra
    except ImportError as cause:
        raise ConfigError("plots need matplotlib; install it with `pip install 'joulecut[report]'`") from cause
    drawn: Mapping[str, Draw] = {
        "efficiency": _efficiency,
        "tradeoff": _tradeoff,
        "engines": _engines,
        "layer_power": _layer_power,
        "layer_energy": _layer_energy,
    }
    images = {}
    for name, draw in drawn.items():
        of = networks(study)
        figure = Figure(figsize=(4.6 * max(2, len(of)), 3.6))
        held = [draw(figure.add_subplot(1, len(of), place), study, network) for place, network in enumerate(of, 1)]
        if any(held):
            images[name] = _png(figure)
    return images


def _efficiency(axes: Axes, study: Study, network: str) -> bool:
    """Images per joule over the clock, one line per batch."""
    rows = [row for row in study.models if (row.network, row.engine) == (network, _EAGER)]
    rows = _top_memory([row for row in rows if row.clock == "held" and row.images_per_joule is not None])
    for batch in sorted({row.batch for row in rows}):
        mine = [row for row in rows if row.batch == batch]
        axes.plot(
            [row.core_mhz for row in mine],
            [row.images_per_joule or 0.0 for row in mine],
            "o-",
            markersize=3,
            label=f"batch {batch}",
        )
    _label(axes, network, "core clock, MHz", f"images per joule ({study.figures})")
    return bool(rows)


def _tradeoff(axes: Axes, study: Study, network: str) -> bool:
    """Every setting: seconds of a batch against images per joule; crosses are the governor's."""
    rows = [row for row in study.models if (row.network, row.engine) == (network, _EAGER)]
    rows = [row for row in rows if row.images_per_joule is not None]
    for batch in sorted({row.batch for row in rows}):
        mine = [row for row in rows if row.batch == batch]
        held = [row for row in mine if row.clock == "held"]
        points = axes.plot(
            [1e3 * row.latency_s for row in held],
            [row.images_per_joule or 0.0 for row in held],
            "o",
            markersize=3,
            label=f"batch {batch}",
        )
        governed = [row for row in mine if row.clock == "governor"]
        axes.plot(
            [1e3 * row.latency_s for row in governed],
            [row.images_per_joule or 0.0 for row in governed],
            "x",
            color=points[0].get_color(),
            markersize=9,
        )
    if rows:
        axes.axvline(1e3 * rows[0].slo_s, linestyle="--", color="#444444", linewidth=1)
    axes.set_xscale("log")
    _label(axes, network, "ms per batch (dashed: SLO; cross: governor)", f"images per joule ({study.figures})")
    return bool(rows)


def _engines(axes: Axes, study: Study, network: str) -> bool:
    """Images per joule, or per second where nothing is metered, of every engine under the governor."""
    rows = [row for row in study.models if (row.network, row.clock) == (network, "governor")]
    metered = all(row.images_per_joule is not None for row in rows)
    for engine in dict.fromkeys(row.engine for row in rows):
        mine = [row for row in rows if row.engine == engine]
        values = [(row.images_per_joule if metered else row.images_per_s) or 0.0 for row in mine]
        axes.plot([row.batch for row in mine], values, "o-", markersize=4, label=engine)
    axes.set_xscale("log", base=2)
    unit = "joule" if metered else "second"
    _label(axes, network, "batch (default clock)", f"images per {unit} ({study.figures})")
    return bool(rows)


def _layer_power(axes: Axes, study: Study, network: str) -> bool:
    """Watts of each layer over its place in the network, smallest and largest batch."""
    drawn = False
    for batch in batch_ends(study):
        mine = [row for row in _default_layers(study, network, batch) if row.power_w is not None]
        drawn = drawn or bool(mine)
        values = [row.power_w or 0.0 for row in mine]
        axes.plot([row.layer for row in mine], values, ".", markersize=4, label=f"batch {batch}")
    axes.set_ylim(bottom=0)
    _label(axes, network, "layer", f"watts of the layer alone ({study.figures})")
    return drawn


def _layer_energy(axes: Axes, study: Study, network: str) -> bool:
    """Share of each kind of layer in joules, or in seconds where none are known."""
    ends = batch_ends(study)
    layers = {batch: _default_layers(study, network, batch) for batch in ends}
    metered = all(row.energy_j is not None for rows in layers.values() for row in rows)
    left = [0.0] * len(ends)
    for kind, colour in _KIND_COLOURS.items():
        shares = [_share(layers[batch], kind, metered=metered) for batch in ends]
        if any(shares):
            axes.barh([f"batch {batch}" for batch in ends], shares, left=left, label=kind, color=colour)
            left = [start + share for start, share in zip(left, shares, strict=True)]
    axes.margins(y=0.35)
    _label(axes, network, f"share of the layers' {'joules' if metered else 'seconds'}, % ({study.figures})", "")
    axes.legend(fontsize=7, ncols=3, loc="upper center")
    return any(left)


def _share(rows: Sequence[LayerRow], kind: str, *, metered: bool) -> float:
    amounts = [((row.energy_j if metered else row.layer_s) or 0.0, row.kind) for row in rows]
    total = sum(amount for amount, _ in amounts)
    return 100.0 * sum(amount for amount, each in amounts if each == kind) / total if total > 0 else 0.0


def _default_layers(study: Study, network: str, batch: int) -> list[LayerRow]:
    return [row for row in study.layers if (row.network, row.batch, row.place) == (network, batch, "default")]


def _top_memory(rows: Sequence[ModelRow]) -> list[ModelRow]:
    top = max((row.requested_memory_mhz or 0.0 for row in rows), default=0.0)
    return [row for row in rows if (row.requested_memory_mhz or 0.0) == top]


def _label(axes: Axes, network: str, x: str, y: str) -> None:
    axes.set_title(network, fontsize=9)
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)


def _png(figure: Figure) -> bytes:
    figure.set_layout_engine("tight")
    buffer = io.BytesIO()
    # Without the writer's version the same result gives the same file.
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
