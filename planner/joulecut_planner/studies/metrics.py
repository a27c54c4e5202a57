"""What one setting (a batch size at a clock) costs, in the metrics of energy-efficiency studies.

    images per joule   batch / E                 E: joules of one batch
    EDP                (E / batch) * t           t: seconds of one batch, which each of its images waits for
    ED2P               (E / batch) * t**2

Joules are of one image and seconds of the whole batch: a larger batch shares its joules among its images, but none of
them is answered sooner. The time until a batch is full is left out. Valid for requests that come in full batches.
Source of the products: Gonzalez and Horowitz, Energy dissipation in general purpose microprocessors, 1996.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class Metric(str, Enum):
    """What a setting can be chosen for."""

    LATENCY = "latency"
    THROUGHPUT = "images-per-second"
    EFFICIENCY = "images-per-joule"
    EDP = "edp"
    ED2P = "ed2p"
    REVENUE = "revenue"

    @property
    def more_is_better(self) -> bool:
        """Whether the largest value wins."""
        return self in (Metric.THROUGHPUT, Metric.EFFICIENCY, Metric.REVENUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingCost:
    """Seconds and joules of one batch. `energy_j` is None where nothing metered it.

    Raises ValueError for a batch below 1 or for seconds or joules that are not positive.
    """

    batch: int
    latency_s: float
    energy_j: float | None

    def __post_init__(self) -> None:
        amounts = (self.latency_s,) if self.energy_j is None else (self.latency_s, self.energy_j)
        if self.batch < 1 or not all(math.isfinite(amount) and amount > 0 for amount in amounts):
            raise ValueError(
                f"batch {self.batch}, {self.latency_s!r} s, {self.energy_j!r} J; expected a batch of at least 1 and "
                "positive seconds and joules"
            )

    @property
    def images_per_s(self) -> float:
        """Images answered per second, back to back."""
        return self.batch / self.latency_s

    @property
    def image_energy_j(self) -> float | None:
        """Joules of one image."""
        return None if self.energy_j is None else self.energy_j / self.batch

    @property
    def images_per_joule(self) -> float | None:
        """Images answered per joule."""
        return None if self.energy_j is None else self.batch / self.energy_j

    @property
    def edp(self) -> float | None:
        """Energy-delay product, joule seconds."""
        return None if self.image_energy_j is None else self.image_energy_j * self.latency_s

    @property
    def ed2p(self) -> float | None:
        """Energy-delay-squared product, joule seconds squared."""
        return None if self.image_energy_j is None else self.image_energy_j * self.latency_s**2
