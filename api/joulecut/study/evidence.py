"""The rows that findings look at, and the first sums over them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from joulecut.study.cells import ClockMode
from joulecut.study.engine_names import EngineName
from joulecut.study.rows import LayerRow, ModelRow, OptimumRow

KNOWN_SHARE = 0.8
"""Of the layers' seconds: with watts for less than that, a statement about their joules is none."""
CONVOLUTION_KINDS = frozenset({"convolution", "depthwise"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that was measured."""

    models: tuple[ModelRow, ...]
    layers: tuple[LayerRow, ...]
    optima: tuple[OptimumRow, ...]

    @property
    def networks(self) -> tuple[str, ...]:
        """In the order of the study."""
        return tuple(dict.fromkeys(row.network for row in self.models))

    @property
    def batches(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(sorted({row.batch for row in self.models}))

    @property
    def engines(self) -> tuple[str, ...]:
        """Those that were measured."""
        return tuple(dict.fromkeys(row.engine for row in self.models))

    def governed(self, network: str, engine: str, batch: int) -> ModelRow | None:
        """The row under the device's own governor."""
        for row in self.models:
            if (row.network, row.engine, row.batch, row.clock) == (network, engine, batch, ClockMode.GOVERNOR.value):
                return row
        return None

    def held(self, network: str, batch: int) -> tuple[ModelRow, ...]:
        """Eager rows at held clocks of the highest memory clock, by rising core clock."""
        rows = [
            row
            for row in self.models
            if (row.network, row.engine, row.batch, row.clock)
            == (network, EngineName.EAGER.value, batch, ClockMode.HELD.value)
        ]
        top = max((row.requested_memory_mhz or 0.0 for row in rows), default=0.0)
        kept = [row for row in rows if (row.requested_memory_mhz or 0.0) == top]
        return tuple(sorted(kept, key=lambda row: row.requested_core_mhz or 0.0))

    def at_top(self, network: str, batch: int) -> ModelRow | None:
        """The eager row at the highest clock: held, or the governor's where none is."""
        held = self.held(network, batch)
        return held[-1] if held else self.governed(network, EngineName.EAGER.value, batch)

    def layers_at_top(self, network: str, batch: int) -> tuple[LayerRow, ...]:
        """The layers at the default's clock."""
        return tuple(row for row in self.layers if (row.network, row.batch, row.place) == (network, batch, "default"))


def metered(layers: Sequence[LayerRow]) -> tuple[LayerRow, ...]:
    """The layers with watts; none where those are too few to speak for all."""
    known = tuple(row for row in layers if row.energy_j is not None and row.energy_j > 0)
    seconds = math.fsum(row.layer_s for row in layers)
    if seconds <= 0 or math.fsum(row.layer_s for row in known) < KNOWN_SHARE * seconds:
        return ()
    return known


def joules(layers: Sequence[LayerRow]) -> float:
    """The joules of layers that have some."""
    return math.fsum(row.energy_j or 0.0 for row in layers)
