"""Cells into rows: numbered, with every derived figure, in the order of the sweep."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count

from joulecut.study.engine_names import EngineOffer
from joulecut.study.layer_prices import LayerPrices
from joulecut.study.pricing import Pricing
from joulecut.study.rows import EngineRow, LayerRow, ModelRow, PartRow
from joulecut.study.sweep import LayersCell, PartCell, WholeCell
from joulecut_core.devices import DeviceInfo
from joulecut_core.figures import FigureKind
from joulecut_planner.studies import SettingCost


def engine_rows(offers: Sequence[EngineOffer]) -> tuple[EngineRow, ...]:
    """Every engine."""
    return tuple(
        EngineRow(row=f"E{index:02}", engine=offer.engine.value, available=offer.available, basis=offer.basis)
        for index, offer in enumerate(offers, start=1)
    )


def model_rows(cells: Sequence[WholeCell], info: DeviceInfo, pricing: Pricing) -> tuple[ModelRow, ...]:
    """One row per whole network. A network's default: its first cell, the smallest batch under the governor, eager."""
    defaults: dict[str, tuple[str, WholeCell]] = {}
    rows = []
    for index, cell in enumerate(cells, start=1):
        name = f"M{index:04}"
        default_row, default = defaults.setdefault(cell.network, (name, cell))
        rows.append(_model_row(name, cell, info, pricing, default=default, default_row=default_row))
    return tuple(rows)


def layer_rows(cells: Sequence[LayersCell], info: DeviceInfo, prices: LayerPrices) -> tuple[LayerRow, ...]:
    """One row per layer and clock. `prices`: watts of layers that could not be metered."""
    numbers = count(1)
    return tuple(row for cell in cells for row in _layer_rows(cell, info, prices, numbers))


def part_rows(cells: Sequence[PartCell], info: DeviceInfo) -> tuple[PartRow, ...]:
    """One row per head and tail."""
    return tuple(
        PartRow(
            row=f"P{index:04}",
            network=cell.network,
            device=info.name,
            figures=info.figures.value,
            power_scope=info.power_scope,
            batch=cell.key.batch,
            engine=cell.key.engine.value,
            cut=cell.cut,
            cut_name=cell.cut_name,
            side=cell.side,
            clock=cell.key.mode.value,
            core_mhz=cell.result.achieved.core_mhz,
            memory_mhz=cell.result.achieved.memory_mhz,
            runs=cell.result.runs,
            latency_s=cell.result.latency_s,
            latency_std_s=cell.result.latency_std_s,
            power_w=cell.result.power_w,
            energy_j=cell.result.energy_j,
        )
        for index, cell in enumerate(cells, start=1)
    )


def cost_of(cell: WholeCell) -> SettingCost:
    """A cell's seconds and joules."""
    return SettingCost(batch=cell.key.batch, latency_s=cell.result.latency_s, energy_j=cell.result.energy_j)


def _model_row(
    name: str, cell: WholeCell, info: DeviceInfo, pricing: Pricing, *, default: WholeCell, default_row: str
) -> ModelRow:
    key, result, cost = cell.key, cell.result, cost_of(cell)
    return ModelRow(
        row=name,
        network=cell.network,
        digest=key.digest,
        device=info.name,
        figures=info.figures.value,
        power_scope=info.power_scope,
        batch=key.batch,
        engine=key.engine.value,
        clock=key.mode.value,
        requested_core_mhz=None if key.point is None else key.point.core_mhz,
        requested_memory_mhz=None if key.point is None else key.point.memory_mhz,
        core_mhz=result.achieved.core_mhz,
        memory_mhz=result.achieved.memory_mhz,
        host_mhz=result.host_mhz,
        throttle=", ".join(result.throttle),
        runs=result.runs,
        window_s=result.window_s,
        latency_s=result.latency_s,
        latency_std_s=result.latency_std_s,
        images_per_s=cost.images_per_s,
        power_w=result.power_w,
        power_std_w=result.power_std_w,
        wait_w=result.wait_w,
        energy_j=cost.energy_j,
        image_energy_j=cost.image_energy_j,
        images_per_joule=cost.images_per_joule,
        edp_js=cost.edp,
        ed2p_jss=cost.ed2p,
        slo_s=pricing.deadline_s(cost_of(default)),
        revenue=pricing.revenue(cost, cost_of(default)),
        default_row=default_row,
    )


def _layer_rows(cell: LayersCell, info: DeviceInfo, prices: LayerPrices, numbers: Iterator[int]) -> Iterator[LayerRow]:
    estimates = prices.watts.get(cell.key, (None,) * len(cell.layers))
    timings = cell.result.layers
    known = [
        (timing.power_w, info.figures) if estimate is None else (estimate, FigureKind.ESTIMATED)
        for timing, estimate in zip(timings, estimates, strict=True)
    ]
    joules = [
        None if each is None else each * timing.in_run_s for (each, _), timing in zip(known, timings, strict=True)
    ]
    total_s, total_j = math.fsum(each.in_run_s for each in timings), math.fsum(filter(None, joules))
    for layer, timing, (power_w, kind), energy_j in zip(cell.layers, timings, known, joules, strict=True):
        yield LayerRow(
            row=f"L{next(numbers):05}",
            network=cell.network,
            device=info.name,
            figures=info.figures.value,
            power_scope=info.power_scope,
            batch=cell.key.batch,
            engine=cell.key.engine.value,
            place=cell.place,
            core_mhz=cell.result.achieved.core_mhz,
            memory_mhz=cell.result.achieved.memory_mhz,
            layer=layer.index,
            name=layer.name,
            kind=layer.kind.value,
            gflops=layer.flops / 1e9,
            mbytes=layer.size_bytes / 1e6,
            layer_s=timing.in_run_s,
            alone_s=timing.alone_s,
            power_w=power_w,
            power_kind="" if power_w is None else kind.value,
            energy_j=energy_j,
            gflops_per_s=layer.flops / 1e9 / timing.in_run_s if timing.in_run_s > 0 else 0.0,
            time_share=timing.in_run_s / total_s if total_s > 0 else 0.0,
            energy_share=energy_j / total_j if energy_j is not None and total_j > 0 else None,
        )
