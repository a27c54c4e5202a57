"""Who says which operating point to measure next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from joulecut_core.clocks import OperatingPoint
from joulecut_core.profiles import PointMeasurement


class PointChooser(Protocol):
    """Chooses operating points one by one, each after seeing all measurements so far."""

    def next_point(self, measured: Sequence[PointMeasurement]) -> OperatingPoint | None:
        """The next point to measure, in its device's clock table and not requested before; None where it is enough.

        `measured`: in the order of measuring. The answer depends on it alone, so that an interrupted campaign goes on
        where it stopped.
        """
        ...
