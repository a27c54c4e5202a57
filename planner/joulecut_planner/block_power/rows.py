"""Block measurements as a table to learn from: one row per block and operating point.

What a row knows of a block is its work by kind, its sizes and shapes, the clocks as shares of the table's top,
and, if wanted, the seconds it took: a profile has those of every block, however short.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from joulecut_core.block_features import BlockFeatures
from joulecut_core.block_measurements import BlockMeasurements
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_core.workloads import OperationKind
from joulecut_planner.choices.grids import Array

GPU_KINDS = tuple(kind for kind in OperationKind if not kind.on_host and kind is not OperationKind.VIEW)
"""The kinds that a block's work is told apart by."""

_SHORTEST_S = 1e-9
"""A block that takes no time has no rates; a nanosecond gives it some."""


class FeatureSet(str, Enum):
    """What a regressor may look at. Counts go in as logarithms where not said otherwise: they span five decades."""

    STATIC = "static"
    """The captured graph and the clocks: known of a network that never ran."""
    TIMED = "timed"
    """The same and the block's measured seconds, hence its rates: known of every profiled network."""
    RATES = "rates"
    """Operations, FLOPs and bytes of each kind per second, as they are, under the clock's powers 0, 1 and 3."""


STATIC_COLUMNS = (
    *("core_share", "memory_share", "log_batch"),
    *(
        "log_operations",
        "log_flops",
        "log_bytes",
        "log_intensity",
        "log_flops_per_operation",
        "log_bytes_per_operation",
    ),
    *("log_input_bytes", "log_output_bytes", "log_output_elements", "log_output_width", "weight_share"),
    *(f"{share}_share_{kind.value}" for share in ("operations", "flops", "bytes") for kind in GPU_KINDS),
)
_CLOCK_POWERS = (0, 1, 3)
"""Those of the power model P = p0 + p1 f + p3 f^3 (Han et al. 2025 and docs/models.md)."""
RATE_COLUMNS = tuple(
    f"{column}*f^{power}"
    for power in _CLOCK_POWERS
    for column in (
        "busy",
        *(f"{rate}_per_s_{kind.value}" for kind in GPU_KINDS for rate in ("operations", "flops", "bytes")),
    )
)
COLUMNS = {
    FeatureSet.STATIC: STATIC_COLUMNS,
    FeatureSet.TIMED: (*STATIC_COLUMNS, "log_seconds_per_operation", "log_flops_per_s", "log_bytes_per_s"),
    FeatureSet.RATES: RATE_COLUMNS,
}
"""What stands in each column of a feature set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRows:
    """Rows of `columns`; `values` has shape (rows, columns), everything else (rows,).

    `power_w` is NaN where a block was not metered. `network` and `point` say whose row it is: places in `networks`
    and `points`, which hold each name and each achieved clock once.
    """

    columns: tuple[str, ...]
    values: Array
    power_w: Array
    wait_w: Array
    time_s: Array
    networks: tuple[str, ...]
    points: tuple[OperatingPoint, ...]
    network: NDArray[np.int64]
    point: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> BlockRows:
        """Some of the rows, by mask or index."""
        return BlockRows(
            columns=self.columns,
            values=self.values[chosen],
            power_w=self.power_w[chosen],
            wait_w=self.wait_w[chosen],
            time_s=self.time_s[chosen],
            networks=self.networks,
            points=self.points,
            network=self.network[chosen],
            point=self.point[chosen],
        )

    def metered(self) -> BlockRows:
        """The rows whose watts are known."""
        return self.take(np.isfinite(self.power_w))


def block_rows(measured: Sequence[BlockMeasurements], features: FeatureSet) -> BlockRows:
    """Rows of all blocks of some networks, network by network, point by point.

    The same network at another batch counts as the same network. Raises FitError where the measurements are not
    of one device, driver, power scope, engine and precision, or there are none.
    """
    check_same_device(measured)
    networks = tuple(dict.fromkeys(each.network for each in measured))
    points = tuple(dict.fromkeys(point.achieved for each in measured for point in each.points))
    values: list[tuple[float, ...]] = []
    answers: list[tuple[float, float, float]] = []
    places: list[tuple[int, int]] = []
    for each in measured:
        describer = _Describer.of(each, features)
        for point in each.points:
            for block, (time_s, power_w) in enumerate(zip(point.block_s, point.block_w, strict=True)):
                values.append(describer.columns(block, point.achieved, time_s))
                answers.append((math.nan if power_w is None else power_w, point.wait_w, time_s))
                places.append((networks.index(each.network), points.index(point.achieved)))
    known, where = np.asarray(answers, dtype=np.float64), np.asarray(places, dtype=np.int64)
    return BlockRows(
        columns=COLUMNS[features],
        values=np.asarray(values, dtype=np.float64),
        power_w=known[:, 0],
        wait_w=known[:, 1],
        time_s=known[:, 2],
        networks=networks,
        points=points,
        network=where[:, 0],
        point=where[:, 1],
    )


def check_same_device(measured: Iterable[BlockMeasurements]) -> None:
    """Raise FitError unless all are of one device, driver, scope, engine and precision, and there is at least one."""
    keys = {
        (each.key.device, each.key.driver, each.key.power_scope, each.key.engine, each.key.precision, each.top)
        for each in measured
    }
    if len(keys) != 1:
        found = "; ".join(sorted(", ".join(map(str, key)) for key in keys)) or "none"
        raise FitError(
            f"block measurements of {found}; expected those of one device, driver, power scope, engine, precision "
            "and clock table: watts of different ones are never mixed"
        )


@dataclass(frozen=True, slots=True)
class _Describer:
    """Turns a block's index, clocks and seconds into the columns of a feature set."""

    measured: BlockMeasurements
    features: FeatureSet
    statics: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, measured: BlockMeasurements, features: FeatureSet) -> _Describer:
        return cls(measured, features, tuple(map(_static, measured.blocks)))

    def columns(self, index: int, achieved: OperatingPoint, time_s: float) -> tuple[float, ...]:
        block, clocks = self.measured.blocks[index], _clocks(achieved, self.measured.top)
        if self.features is FeatureSet.RATES:
            return _rates(block, clocks[0], time_s)
        if self.features is FeatureSet.STATIC:
            return (*clocks, *self.statics[index])
        return (*clocks, *self.statics[index], *_speeds(block, time_s))


def _clocks(achieved: OperatingPoint, top: OperatingPoint) -> tuple[float, float]:
    memory_share = 1.0
    if achieved.memory_mhz is not None and top.memory_mhz is not None:
        memory_share = achieved.memory_mhz / top.memory_mhz
    return achieved.core_mhz / top.core_mhz, memory_share


def _static(block: BlockFeatures) -> tuple[float, ...]:
    """What does not change with the clocks."""
    launched = max(1, block.operations)
    work = {kind.kind: kind for kind in block.kinds}
    there = [work.get(kind) for kind in GPU_KINDS]
    return (
        math.log(block.batch),
        *map(math.log1p, (block.operations, block.flops, block.size_bytes)),
        math.log((1.0 + block.flops) / (1.0 + block.size_bytes)),
        *map(math.log1p, (block.flops / launched, block.size_bytes / launched)),
        *map(math.log1p, (block.input_bytes, block.output_bytes, math.prod(block.output_shape))),
        math.log1p(max(block.output_shape[1:], default=0)),
        min(1.0, _share(block.weight_bytes, block.size_bytes)),
        *(_share(kind.operations, block.operations) if kind else 0.0 for kind in there),
        *(_share(kind.flops, block.flops) if kind else 0.0 for kind in there),
        *(_share(kind.size_bytes, block.size_bytes) if kind else 0.0 for kind in there),
    )


def _speeds(block: BlockFeatures, time_s: float) -> tuple[float, float, float]:
    taken_s = max(time_s, _SHORTEST_S)
    return (
        math.log(taken_s / max(1, block.operations)),
        math.log1p(block.flops / taken_s),
        math.log1p(block.size_bytes / taken_s),
    )


def _rates(block: BlockFeatures, core_share: float, time_s: float) -> tuple[float, ...]:
    taken_s = max(time_s, _SHORTEST_S)
    work = {kind.kind: kind for kind in block.kinds}
    rates = [1.0]
    for there in map(work.get, GPU_KINDS):
        counts = (there.operations, there.flops, there.size_bytes) if there else (0.0, 0.0, 0.0)
        rates += [count / taken_s for count in counts]
    return tuple(rate * core_share**power for power in _CLOCK_POWERS for rate in rates)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
