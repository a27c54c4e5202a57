"""What each block of a network costs, made to add up to the whole network's metered joules.

    whole network, metered        E
    blocks with watts of their own    M = sum of P_k t_k        each off by about sigma_m, all alike
    blocks with predicted watts       U = sum of P_k t_k        each off by about sigma_u, all alike
    the least correction (in sigmas) that closes the sum, gap = E - M - U:
        metered   *= 1 + sigma_m^2 M gap / (sigma_m^2 M^2 + sigma_u^2 U^2)
        predicted *= 1 + sigma_u^2 U gap / (sigma_m^2 M^2 + sigma_u^2 U^2)

Within a class errors are taken to be common: a model that does not know a network is wrong about it in one
direction, and so is a block that is run alone with a warm cache. That makes each class's correction one factor,
which is reported. (Generalised least squares with one constraint; ours, not EALI's.)
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from joulecut_core.block_measurements import BlockMeasurements, BlockPoint
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_core.figures import FigureKind
from joulecut_planner.choices.grids import Array

_LOG = logging.getLogger(__name__)

METER_ERROR = 0.005
"""Relative error of a metered block: what windows of ten meter periods repeat to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedPoint:
    """All blocks of a network at one operating point; `block_w[k]` times `block_s[k]` add up to the metered `whole_j`.

    `kinds[k]`: ESTIMATED where block k's watts were predicted, else how they were read. `gap`: how far the blocks'
    sum was from the whole before, relative, above 0 where it was too large. `predicted_factor`,
    `metered_factor`: what the sum's closing multiplied each class by; 1 for a class without blocks.
    """

    achieved: OperatingPoint
    whole_j: float
    block_s: tuple[float, ...]
    block_w: tuple[float, ...]
    kinds: tuple[FigureKind, ...]
    gap: float
    predicted_factor: float
    metered_factor: float

    @property
    def block_j(self) -> tuple[float, ...]:
        """Joules of each block."""
        return tuple(time_s * power_w for time_s, power_w in zip(self.block_s, self.block_w, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPrices:
    """One network's blocks at every point. `stated_error`: how far a sum may be off, relative, before it is closed."""

    network: str
    power_scope: str
    stated_error: float
    points: tuple[PricedPoint, ...]

    @property
    def within_stated_error(self) -> bool:
        """Whether every sum was as near to its whole as the model says."""
        return all(abs(point.gap) <= self.stated_error for point in self.points)


def block_prices(
    measured: BlockMeasurements, predicted_w: Array, *, block_error: float, stated_error: float
) -> BlockPrices:
    """Prices from a network's own measurements and predicted watts of shape (points, blocks).

    Metered blocks keep their watts, up to `metered_factor`. `block_error`: the relative error of one predicted block.
    Raises FitError where the sum cannot be closed with watts above 0.
    """
    prices = BlockPrices(
        network=measured.network,
        power_scope=measured.key.power_scope,
        stated_error=stated_error,
        points=tuple(
            _priced(measured, point, watts, block_error)
            for point, watts in zip(measured.points, predicted_w, strict=True)
        ),
    )
    if not prices.within_stated_error:
        worst = max(prices.points, key=lambda point: abs(point.gap))
        _LOG.warning(
            "the blocks of %s at %s add up to %+.1f %% of the metered whole's joules; expected %.1f %% at most: meter "
            "more of its blocks, or learn from networks like it",
            measured.network,
            worst.achieved,
            100.0 * worst.gap,
            100.0 * stated_error,
        )
    return prices


def _priced(measured: BlockMeasurements, point: BlockPoint, predicted_w: Array, block_error: float) -> PricedPoint:
    known = np.array([power_w is not None for power_w in point.block_w])
    own_w = np.array([0.0 if power_w is None else power_w for power_w in point.block_w])
    power_w = np.where(known, own_w, predicted_w)
    block_j = power_w * np.asarray(point.block_s)
    metered_j, predicted_j = float(block_j[known].sum()), float(block_j[~known].sum())
    gap_j = point.whole_j - metered_j - predicted_j
    metered_pull = METER_ERROR**2 * metered_j
    predicted_pull = block_error**2 * predicted_j
    stiffness = metered_pull * metered_j + predicted_pull * predicted_j
    if not stiffness > 0:
        raise FitError(
            f"the blocks of {measured.network} at {point.achieved} take {metered_j + predicted_j:g} J, the whole "
            f"{point.whole_j:g} J; expected blocks that take time and energy: profile again"
        )
    metered_factor = 1.0 + metered_pull * gap_j / stiffness
    predicted_factor = 1.0 + predicted_pull * gap_j / stiffness
    if min(metered_factor, predicted_factor) <= 0:
        raise FitError(
            f"the blocks of {measured.network} at {point.achieved} add up to {metered_j + predicted_j:g} J, the whole "
            f"to {point.whole_j:g} J: no watts above 0 close that; measure the network again"
        )
    return PricedPoint(
        achieved=point.achieved,
        whole_j=point.whole_j,
        block_s=point.block_s,
        block_w=tuple((power_w * np.where(known, metered_factor, predicted_factor)).tolist()),
        kinds=tuple(measured.figures if own else FigureKind.ESTIMATED for own in known.tolist()),
        gap=-gap_j / point.whole_j,
        predicted_factor=predicted_factor,
        metered_factor=metered_factor,
    )
