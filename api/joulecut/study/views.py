"""The tables that a reader sees, on the terminal and on the page. "[M0001]" in a text names the row behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from joulecut.study.cells import ClockMode
from joulecut.study.claims import CLAIMED_REVENUE, CLAIMED_RUNTIME, RUNTIME, Verdict
from joulecut.study.engine_names import EngineName
from joulecut.study.optima import BATCH_AND_CLOCK, CLOCK
from joulecut.study.rows import LayerRow, OptimumRow, Study
from joulecut_planner.studies import Metric

_EAGER = EngineName.EAGER.value
_MOST_LAYERS = 8
_LARGE = 1e4
"""From here on four digits would need an exponent."""


_UNITS = {
    Metric.LATENCY: "latency, s",
    Metric.THROUGHPUT: "images/s",
    Metric.EFFICIENCY: "images/J",
    Metric.EDP: "EDP, J s",
    Metric.ED2P: "ED2P, J s^2",
    Metric.REVENUE: "revenue",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One table: a title, columns, and rows of texts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def headlines(study: Study) -> tuple[str, ...]:
    """The outcome in a few sentences."""
    told = (
        (Metric.REVENUE, "revenue"),
        (Metric.EFFICIENCY, "images per joule"),
        (Metric.THROUGHPUT, "images per second"),
    )
    lines = []
    for network in networks(study):
        for metric, what in told:
            best = optimum(study, network, _EAGER, metric, BATCH_AND_CLOCK)
            if best is not None:
                lines.append(
                    f"{network}: the most {what} is {best.gain:.2f} times that of the default, at batch "
                    f"{best.best_batch} and {_clock(best)}, where a batch takes {best.latency_ratio:.2f} times as long "
                    f"[{best.row}]."
                )
    for verdict in Verdict:
        titles = [f"{each.title} [{each.row}]" for each in study.findings if each.verdict == verdict.value]
        if titles:
            lines.append(f"{verdict.value.capitalize()}: {'; '.join(titles)}.")
    return tuple(lines)


def engines_view(study: Study) -> View:
    """What ran, and why the rest did not."""
    return View(
        title="engines",
        columns=("engine", "here", "what stands behind it, or why it is not available"),
        rows=tuple(
            (f"{row.engine} [{row.row}]", "yes" if row.available else "not available", row.basis)
            for row in study.engines
        ),
    )


def formulas_view(study: Study) -> View:
    """The paper's figures and ours, each with its formula. They are of different things."""
    ours = (
        f"ours ({study.revenue_name}): {study.revenue_formula}; {study.slo_rule}; default: the smallest batch, eager, "
        "the device's own governor"
    )
    paper = (
        "not public: a revenue model that trades energy efficiency against latency; GPU, networks and default settings "
        "unknown"
    )
    gains = [(network, optimum(study, network, _EAGER, Metric.REVENUE, BATCH_AND_CLOCK)) for network in networks(study)]
    runtimes = [number for number in study.numbers if number.finding == RUNTIME.name]
    rows = [
        ("revenue, best over default", "Yao et al. 2020", f"up to {CLAIMED_REVENUE:g}", paper),
        *(
            ("revenue, best over default", f"{network} ({study.figures})", f"{best.gain:.2f} [{best.row}]", ours)
            for network, best in gains
            if best is not None
        ),
        (
            "runtime over runtime",
            "Yao et al. 2020",
            f"{CLAIMED_RUNTIME:g}",
            "images per joule of TensorRT over TensorFlow's; batch size, precision and networks unknown",
        ),
        *(
            ("runtime over runtime", f"{each.of} ({study.figures})", f"{each.shown} [{each.row}]", each.what)
            for each in runtimes
        ),
    ]
    return View(title="the paper's figures and ours", columns=("figure", "of", "times", "formula"), rows=tuple(rows))


def optima_views(study: Study) -> tuple[View, ...]:
    """For each network, eager: the default and the best setting of every metric."""
    views = (_best_of_all(study, network) for network in networks(study))
    return tuple(view for view in views if view is not None)


def clocks_views(study: Study) -> tuple[View, ...]:
    """For each network, eager: the best clock of every batch."""
    views = (_best_clocks(study, network) for network in networks(study))
    return tuple(view for view in views if view is not None)


def models_view(study: Study, network: str) -> View:
    """Batch by batch under the device's own governor."""
    rows = [row for row in study.models if (row.network, row.clock) == (network, ClockMode.GOVERNOR.value)]
    return View(
        title=f"{network}: every batch and engine at the default clock ({study.figures})",
        columns=("batch, engine", "ms", "images/s", "W", "J per image", "images/J", "EDP, mJ s", "revenue"),
        rows=tuple(
            (
                f"{row.batch} {row.engine} [{row.row}]",
                f"{1e3 * row.latency_s:.2f}",
                f"{row.images_per_s:.0f}",
                _or_dash(row.power_w, "{:.1f}"),
                _or_dash(row.image_energy_j, "{:.4f}"),
                _or_dash(row.images_per_joule, "{:.2f}"),
                _or_dash(None if row.edp_js is None else 1e3 * row.edp_js, "{:.3f}"),
                _or_dash(row.revenue, "{:.2f}"),
            )
            for row in rows
        ),
    )


def layers_view(study: Study, network: str, batch: int) -> View | None:
    """The layers that take the most joules (the most time, where there are none) at the default's clock."""
    layers = [row for row in study.layers if (row.network, row.batch, row.place) == (network, batch, "default")]
    if not layers:
        return None
    by_energy = any(row.energy_j is not None for row in layers)
    ordered = sorted(layers, key=lambda row: -((row.energy_j or 0.0) if by_energy else row.layer_s))
    return View(
        title=(
            f"{network}, batch {batch}: the {min(_MOST_LAYERS, len(ordered))} of {len(ordered)} layers that take the "
            f"most {'energy' if by_energy else 'time'}, eager, {layers[0].core_mhz:g} MHz ({study.figures})"
        ),
        columns=("layer", "kind", "us", "share of time", "W", "mJ", "share of energy", "GFLOP/s"),
        rows=tuple(map(_layer, ordered[:_MOST_LAYERS])),
    )


def kinds_view(study: Study, network: str, batch: int) -> View | None:
    """Time and energy by kind of layer at the default's clock."""
    layers = [row for row in study.layers if (row.network, row.batch, row.place) == (network, batch, "default")]
    if not layers:
        return None
    rows = []
    for kind in sorted({row.kind for row in layers}):
        mine = [row for row in layers if row.kind == kind]
        seconds, energy_j = math.fsum(row.layer_s for row in mine), math.fsum(row.energy_j or 0.0 for row in mine)
        unknown = any(row.energy_share is None for row in mine)
        rows.append(
            (
                f"{kind} ({len(mine)})",
                f"{1e3 * seconds:.3f}",
                f"{math.fsum(row.time_share for row in mine):.0%}",
                "-" if unknown else f"{1e3 * energy_j:.2f}",
                "-" if unknown else f"{math.fsum(row.energy_share or 0.0 for row in mine):.0%}",
                f"rows of layers.csv: network={network}, batch={batch}, place=default, kind={kind}",
            )
        )
    return View(
        title=f"{network}, batch {batch}: by kind of layer, eager ({study.figures})",
        columns=("kind (layers)", "ms", "of time", "mJ", "of energy", "sums over"),
        rows=tuple(rows),
    )


def networks(study: Study) -> tuple[str, ...]:
    """In the order of the study."""
    return tuple(dict.fromkeys(row.network for row in study.models))


def batch_ends(study: Study) -> tuple[int, ...]:
    """The smallest and the largest batch."""
    batches = sorted({row.batch for row in study.models})
    return tuple(dict.fromkeys((batches[0], batches[-1])))


def optimum(study: Study, network: str, engine: str, metric: Metric, chosen: str) -> OptimumRow | None:
    """The first optimum row of these."""
    for row in study.optima:
        if (row.network, row.engine, row.metric, row.chosen) == (network, engine, metric.value, chosen):
            return row
    return None


def _best_of_all(study: Study, network: str) -> View | None:
    rows = _eager_optima(study, network, BATCH_AND_CLOCK)
    if not rows:
        return None
    return View(
        title=f"{network}: default (batch {rows[0].batch}, governor) against the best batch and clock, eager",
        columns=("chosen for", "default", "best", "batch", "clock", "times better", "times the latency"),
        rows=tuple(
            (
                _UNITS[Metric(row.metric)],
                f"{_value(row.default_value)} [{row.default_row}]",
                f"{_value(row.best_value)} [{row.best_row}]",
                str(row.best_batch),
                _clock(row),
                f"{row.gain:.2f} [{row.row}]",
                f"{row.latency_ratio:.2f} [{row.row}]",
            )
            for row in rows
        ),
    )


def _best_clocks(study: Study, network: str) -> View | None:
    rows = _eager_optima(study, network, CLOCK)
    if not rows or all(row.best_clock == ClockMode.GOVERNOR.value for row in rows):
        return None
    batches = sorted({row.batch for row in rows})
    return View(
        title=f"{network}: the best clock of each batch, and how many times better than the governor's, eager",
        columns=("chosen for", *(f"batch {batch}" for batch in batches)),
        rows=tuple(
            (_UNITS[Metric(metric)], *(_alone(rows, metric, batch) for batch in batches))
            for metric in dict.fromkeys(row.metric for row in rows)
        ),
    )


def _eager_optima(study: Study, network: str, chosen: str) -> list[OptimumRow]:
    return [row for row in study.optima if (row.network, row.engine, row.chosen) == (network, _EAGER, chosen)]


def _alone(rows: Sequence[OptimumRow], metric: str, batch: int) -> str:
    for row in rows:
        if (row.metric, row.batch) == (metric, batch):
            return f"{_clock(row)}: {row.gain:.2f} [{row.row}]"
    return "-"


def _layer(row: LayerRow) -> tuple[str, ...]:
    return (
        f"{row.name} [{row.row}]",
        row.kind,
        f"{1e6 * row.layer_s:.1f}",
        f"{row.time_share:.1%}",
        _or_dash(row.power_w, "{:.0f}"),
        _or_dash(None if row.energy_j is None else 1e3 * row.energy_j, "{:.2f}"),
        _or_dash(row.energy_share, "{:.1%}"),
        f"{row.gflops_per_s:.0f}",
    )


def _clock(row: OptimumRow) -> str:
    memory = "" if row.best_memory_mhz is None else f"/{row.best_memory_mhz:g}"
    governed = " (governor)" if row.best_clock == "governor" else ""
    return f"{row.best_core_mhz:g}{memory} MHz{governed}"


def _value(value: float) -> str:
    return f"{value:.0f}" if value >= _LARGE else f"{value:.4g}"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
