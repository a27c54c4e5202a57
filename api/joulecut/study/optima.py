"""The best settings: per metric and batch where only the clock is free, and over the whole sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from joulecut.study.cells import ClockMode
from joulecut.study.rows import ModelRow, OptimumRow
from joulecut_planner.studies import Metric, best_setting, gain

CLOCK, BATCH_AND_CLOCK = "clock", "batch and clock"

_READ = {
    Metric.LATENCY: lambda row: row.latency_s,
    Metric.THROUGHPUT: lambda row: row.images_per_s,
    Metric.EFFICIENCY: lambda row: row.images_per_joule,
    Metric.EDP: lambda row: row.edp_js,
    Metric.ED2P: lambda row: row.ed2p_jss,
    Metric.REVENUE: lambda row: row.revenue,
}


def optimum_rows(models: Sequence[ModelRow]) -> tuple[OptimumRow, ...]:
    """For each network, engine and metric: the best clock of each batch, then the best batch and clock.

    Compared with the same engine under the governor, at the same batch or at the smallest one.
    """
    drafts = [
        draft
        for network in dict.fromkeys(row.network for row in models)
        for engine in dict.fromkeys(row.engine for row in models)
        for draft in _of([row for row in models if (row.network, row.engine) == (network, engine)])
    ]
    return tuple(replace(draft, row=f"O{index:04}") for index, draft in enumerate(drafts, start=1))


def metric_value(row: ModelRow, metric: Metric) -> float | None:
    """A row's value of a metric."""
    value: float | None = _READ[metric](row)
    return value


def _of(rows: Sequence[ModelRow]) -> Iterator[OptimumRow]:
    batches = list(dict.fromkeys(row.batch for row in rows))
    for metric in Metric:
        for batch in batches:
            yield from _compared([row for row in rows if row.batch == batch], metric, CLOCK)
        if len(batches) > 1:
            yield from _compared(rows, metric, BATCH_AND_CLOCK)


def _compared(rows: Sequence[ModelRow], metric: Metric, chosen: str) -> Iterator[OptimumRow]:
    default = next((row for row in rows if row.clock == ClockMode.GOVERNOR.value), None)
    values = [metric_value(row, metric) for row in rows]
    index = best_setting(values, metric)
    if default is None or index is None:
        return
    best, best_value, default_value = rows[index], values[index], metric_value(default, metric)
    if best_value is None or default_value is None:
        return
    yield OptimumRow(
        row="",
        network=default.network,
        engine=default.engine,
        chosen=chosen,
        metric=metric.value,
        batch=default.batch,
        default_row=default.row,
        default_value=default_value,
        best_row=best.row,
        best_batch=best.batch,
        best_clock=best.clock,
        best_core_mhz=best.core_mhz,
        best_memory_mhz=best.memory_mhz,
        best_value=best_value,
        gain=gain(default_value, best_value, metric),
        latency_ratio=best.latency_s / default.latency_s,
    )
