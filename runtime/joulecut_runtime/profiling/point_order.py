"""The operating points of a plan, in an order drawn from its seed: what is measured where nobody chooses."""

from __future__ import annotations

import random
from collections.abc import Sequence

from joulecut_core.clocks import OperatingPoint
from joulecut_core.profiles import PointMeasurement


class PlannedPoints:
    """A `joulecut_core.point_choice.PointChooser` that knows its points beforehand.

    The order is random so that a device that warms up meanwhile is not mistaken for one whose clocks differ.
    """

    def __init__(self, points: Sequence[OperatingPoint], *, seed: int) -> None:
        self._order = list(points)
        random.Random(seed).shuffle(self._order)  # noqa: S311 - an order, not a secret

    def next_point(self, measured: Sequence[PointMeasurement]) -> OperatingPoint | None:
        """The first point of the order that was not measured yet; None after the last."""
        done = [point.requested for point in measured]
        return next((point for point in self._order if not any(point.matches(other) for other in done)), None)
