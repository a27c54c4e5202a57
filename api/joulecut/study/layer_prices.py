"""Watts of layers that are too short to meter, learned from those of the same study that were not (EALI).

    layers metered alone, of all networks, batches and clocks -> joules per operation, FLOP and byte of each kind
    layers without watts -> predicted, and scaled so that the sum of all layers is the metered whole network's joules

What it is worth is judged on networks left out; its stated error is how far their sums were off (p95). Nothing is
estimated where one network alone was studied, or a device without a meter. Only what layers do per second is looked
at, so that shapes are not needed. Source: Yao et al. 2022, Neurocomputing 507 (docs/explanation-block-power.md).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulecut.study.cells import CellKey
from joulecut.study.engine_names import EngineName
from joulecut.study.sweep import LayersCell, WholeCell
from joulecut_core.block_features import BlockFeatures, work_by_kind
from joulecut_core.block_measurements import BlockMeasurements, BlockPoint
from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceInfo
from joulecut_core.errors import FitError
from joulecut_core.profiles import ProfileKey
from joulecut_planner.block_power import Candidate, FeatureSet, Regressor, fit_block_power

_LOG = logging.getLogger(__name__)

_CANDIDATES = (Candidate(regressor=Regressor.RATES, features=FeatureSet.RATES),)
_NO_PRICES: Mapping[CellKey, tuple[float | None, ...]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPrices:
    """Estimated watts by cell and layer, None where a layer was metered, and a sentence on what they are worth."""

    watts: Mapping[CellKey, tuple[float | None, ...]]
    remark: str = ""


def price_layers(cells: Sequence[LayersCell], wholes: Sequence[WholeCell], info: DeviceInfo) -> LayerPrices:
    """Estimate what could not be metered; nothing, and why, where there is too little to learn from."""
    lacking = sum(timing.power_w is None for cell in cells for timing in cell.result.layers)
    if lacking == 0 or info.meter_period_s is None:
        return LayerPrices(watts=_NO_PRICES)
    measured = dict(_measured(cells, wholes, info))
    try:
        model = fit_block_power(tuple(measured.values()), candidates=_CANDIDATES)
        prices = {key: model.prices(each) for key, each in measured.items()}
    except FitError as error:
        _LOG.info("%d layers too short to meter stay without watts: %s", lacking, error)
        return LayerPrices(
            watts=_NO_PRICES,
            remark=f"{lacking} layers were too short to meter, and their watts could not be estimated: {error}",
        )
    watts = {
        key: tuple(
            priced if timing is None else None
            for timing, priced in zip(measured[key].points[0].block_w, price.points[0].block_w, strict=True)
        )
        for key, price in prices.items()
    }
    worst = max(abs(price.points[0].gap) for price in prices.values())
    return LayerPrices(
        watts=watts,
        remark=(
            f"{lacking} layers were too short to meter: their watts are estimated from those that were not "
            f"(power_kind=estimated in layers.csv). Sums of layers of networks left out were off by at most "
            f"{model.report.whole.p95:.1%} (95th percentile); here they were off by at most {worst:.1%} before the "
            "estimated layers were scaled to the metered whole"
        ),
    )


def _measured(
    cells: Sequence[LayersCell], wholes: Sequence[WholeCell], info: DeviceInfo
) -> Iterator[tuple[CellKey, BlockMeasurements]]:
    """Each cell with what its whole network took at the same clock; cells without are left out."""
    eager = [whole for whole in wholes if whole.key.engine is EngineName.EAGER]
    waits = [whole.result.wait_w for whole in eager if whole.result.wait_w is not None]
    top = max((cell.result.achieved for cell in cells), key=_by_clocks, default=None)
    for cell in cells:
        same = (each for each in eager if (each.network, each.key.batch) == (cell.network, cell.key.batch))
        whole = next((each for each in same if each.key.point == cell.key.point), None)
        if whole is None or whole.result.power_w is None or top is None or not waits:
            continue
        wait_w = whole.result.wait_w
        yield (
            cell.key,
            BlockMeasurements(
                key=ProfileKey(
                    device=info.name,
                    driver=info.driver,
                    power_scope=info.power_scope,
                    network_digest=cell.key.digest,
                    side="study",
                    engine=cell.key.engine.value,
                    precision="fp32",
                    batch=cell.key.batch,
                ),
                network=cell.network,
                figures=info.figures,
                top=top,
                blocks=tuple(
                    BlockFeatures(
                        name=layer.name,
                        batch=cell.key.batch,
                        kinds=work_by_kind(layer.operations),
                        input_bytes=0,
                        output_bytes=0,
                        output_shape=(),
                        weight_bytes=0,
                    )
                    for layer in cell.layers
                ),
                points=(
                    BlockPoint(
                        achieved=cell.result.achieved,
                        wait_w=min(waits) if wait_w is None else wait_w,
                        whole_s=cell.result.latency_s,
                        whole_w=whole.result.power_w,
                        block_s=tuple(timing.in_run_s for timing in cell.result.layers),
                        block_w=tuple(timing.power_w for timing in cell.result.layers),
                    ),
                ),
            ),
        )


def _by_clocks(point: OperatingPoint) -> tuple[float, float]:
    return point.core_mhz, point.memory_mhz or 0.0
