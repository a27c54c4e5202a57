"""The pictures of a study, one panel for each network; only those that the data carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from joulecut.reports import palette
from joulecut.reports.charts import Axis, Bars, Chart, Layer, Line, Panel, Points, Rule, Shape
from joulecut.study.engine_names import EngineName
from joulecut.study.narrative import CAPTIONS
from joulecut.study.rows import LayerRow, ModelRow, Study
from joulecut.study.views import batch_ends, networks

_EAGER = EngineName.EAGER.value
_KIND_COLOURS = {
    "convolution": palette.BLUE,
    "depthwise": palette.SKY,
    "matmul": palette.GREEN,
    "normalisation": palette.ORANGE,
    "elementwise": palette.RED,
    "reduction": palette.PURPLE,
    "copy": palette.GREY,
}
_TITLES = {
    "efficiency": "Images per joule over the clock",
    "tradeoff": "What speed costs",
    "engines": "The engines side by side",
    "layer_power": "Watts of each layer",
    "layer_energy": "Which kinds of layer take the energy",
}

_Draw = Callable[[Study, str], "Panel | None"]


def study_charts(study: Study) -> tuple[Chart, ...]:
    """Every picture that the study has rows for, named as in the captions."""
    draws: dict[str, _Draw] = {
        "efficiency": _efficiency,
        "tradeoff": _tradeoff,
        "engines": _engines,
        "layer_power": _layer_power,
        "layer_energy": _layer_energy,
    }
    charts = []
    for name, draw in draws.items():
        panels = tuple(panel for network in networks(study) if (panel := draw(study, network)) is not None)
        if panels:
            caption = f"{CAPTIONS[name]} Figures: {study.figures}."
            charts.append(Chart(name=name, title=_TITLES[name], caption=caption, panels=panels))
    return tuple(charts)


def _efficiency(study: Study, network: str) -> Panel | None:
    """Images per joule over the clock, one line per batch."""
    rows = _top_memory([row for row in _eager(study, network) if row.clock == "held"])
    lines = tuple(
        Line(
            name=f"batch {batch}",
            x=tuple(row.core_mhz for row in mine),
            y=tuple(row.images_per_joule for row in mine),
            colour=palette.series_colour(index),
            dots=True,
        )
        for index, (batch, mine) in enumerate(_by_batch(rows))
    )
    x = Axis(label=f"{network}: core clock, MHz", from_zero=False)
    return Panel(x=x, y=Axis(label="images per joule"), layers=lines) if lines else None


def _tradeoff(study: Study, network: str) -> Panel | None:
    """Every setting: seconds of a batch against images per joule; the governor's settings stand out."""
    rows = _eager(study, network)
    layers: list[Layer] = []
    for index, (batch, mine) in enumerate(_by_batch(rows)):
        for clock, shape in (("held", Shape.CIRCLE), ("governor", Shape.STAR)):
            found = [row for row in mine if row.clock == clock]
            layers.append(
                Points(
                    name=f"batch {batch}" + (", governor" if clock == "governor" else ""),
                    x=tuple(1e3 * row.latency_s for row in found),
                    y=tuple(row.images_per_joule or 0.0 for row in found),
                    colour=palette.series_colour(index),
                    shape=shape,
                    notes=tuple(f"{row.row}: batch {batch}, {row.core_mhz:g} MHz" for row in found),
                )
            )
    drawn = tuple(each for each in layers if isinstance(each, Points) and each.x)
    if not drawn:
        return None
    rules = (Rule(at=1e3 * rows[0].slo_s, label="SLO"),)
    x = Axis(label=f"{network}: ms per batch", log=True)
    return Panel(x=x, y=Axis(label="images per joule"), layers=drawn, rules=rules)


def _engines(study: Study, network: str) -> Panel | None:
    """Images per joule, or per second where nothing is metered, of every engine under the governor."""
    rows = [row for row in study.models if (row.network, row.clock) == (network, "governor")]
    metered = all(row.images_per_joule is not None for row in rows)
    lines = []
    for index, engine in enumerate(dict.fromkeys(row.engine for row in rows)):
        mine = [row for row in rows if row.engine == engine]
        lines.append(
            Line(
                name=engine,
                x=tuple(float(row.batch) for row in mine),
                y=tuple(row.images_per_joule if metered else row.images_per_s for row in mine),
                colour=palette.series_colour(index),
                dots=True,
            )
        )
    unit = "joule" if metered else "second"
    x = Axis(label=f"{network}: batch (default clock)", log=True)
    return Panel(x=x, y=Axis(label=f"images per {unit}"), layers=tuple(lines)) if lines else None


def _layer_power(study: Study, network: str) -> Panel | None:
    """Watts of each layer over its place in the network, smallest and largest batch."""
    layers = []
    for index, batch in enumerate(batch_ends(study)):
        mine = [row for row in _default_layers(study, network, batch) if row.power_w is not None]
        layers.append(
            Points(
                name=f"batch {batch}",
                x=tuple(float(row.layer) for row in mine),
                y=tuple(row.power_w or 0.0 for row in mine),
                colour=palette.series_colour(index),
                notes=tuple(f"{row.row}: {row.name}, {row.kind}, {row.power_w:.4g} W" for row in mine),
            )
        )
    drawn = tuple(each for each in layers if each.x)
    x = Axis(label=f"{network}: layer")
    return Panel(x=x, y=Axis(label="watts of the layer alone"), layers=drawn) if drawn else None


def _layer_energy(study: Study, network: str) -> Panel | None:
    """Share of each kind of layer in joules, or in seconds where none are known."""
    ends = batch_ends(study)
    layers = [_default_layers(study, network, batch) for batch in ends]
    metered = all(row.energy_j is not None for rows in layers for row in rows)
    starts, bars = [0.0] * len(ends), []
    for kind, colour in _KIND_COLOURS.items():
        shares = [_share(rows, kind, metered=metered) for rows in layers]
        if any(shares):
            places = tuple(float(place) for place in range(len(ends)))
            bars.append(
                Bars(
                    name=kind,
                    places=places,
                    values=tuple(shares),
                    starts=tuple(starts),
                    colour=colour,
                    notes=tuple(f"{kind}: {share:.3g} %" for share in shares),
                )
            )
            starts = [start + share for start, share in zip(starts, shares, strict=True)]
    if not bars:
        return None
    x = Axis(label=f"{network}: share of the layers' {'joules' if metered else 'seconds'}, %")
    names = tuple((float(place), f"batch {batch}") for place, batch in enumerate(ends))
    return Panel(x=x, y=Axis(label="", ticks=names, downwards=True), layers=tuple(bars), sideways=True, height=150)


def _share(rows: Sequence[LayerRow], kind: str, *, metered: bool) -> float:
    amounts = [((row.energy_j if metered else row.layer_s) or 0.0, row.kind) for row in rows]
    total = sum(amount for amount, _ in amounts)
    return 100.0 * sum(amount for amount, each in amounts if each == kind) / total if total > 0 else 0.0


def _eager(study: Study, network: str) -> list[ModelRow]:
    """Rows with joules under the eager engine."""
    rows = [row for row in study.models if (row.network, row.engine) == (network, _EAGER)]
    return [row for row in rows if row.images_per_joule is not None]


def _by_batch(rows: Sequence[ModelRow]) -> list[tuple[int, list[ModelRow]]]:
    return [(batch, [row for row in rows if row.batch == batch]) for batch in sorted({row.batch for row in rows})]


def _default_layers(study: Study, network: str, batch: int) -> list[LayerRow]:
    return [row for row in study.layers if (row.network, row.batch, row.place) == (network, batch, "default")]


def _top_memory(rows: Sequence[ModelRow]) -> list[ModelRow]:
    top = max((row.requested_memory_mhz or 0.0 for row in rows), default=0.0)
    return [row for row in rows if (row.requested_memory_mhz or 0.0) == top]
