"""How many requests a second come, beside the rate that plans are made for."""

from __future__ import annotations

import logging
import math

_LOG = logging.getLogger(__name__)

_SPELL_S = 10.0
_LEAST = 100
"""Requests of a spell: fewer that come by chance are too many too often."""
_ABOVE = 1.25
"""Over the planned rate: what comes by chance as often as planned is above that in one spell of 150."""
_SAID_S = 600.0
"""Between two warnings."""


class Demand:
    """Told of each request as it comes, in seconds of the agent's clock; warns. Used from the event loop only."""

    def __init__(self) -> None:
        self._planned_hz: float | None = None
        self._begin_s, self._came = 0.0, 0
        self._said_s = -math.inf

    def came(self, now_s: float, *, planned_hz: float | None, waiting: int) -> None:
        """One request more; `waiting`: those that wait for the device by now. No rate is none to compare with."""
        if planned_hz is None or planned_hz != self._planned_hz:
            self._planned_hz, self._begin_s, self._came = planned_hz, now_s, 0
            return
        self._came += 1
        lasted_s = now_s - self._begin_s
        if self._came < _LEAST or lasted_s < _SPELL_S:
            return
        asked_hz = self._came / lasted_s
        self._begin_s, self._came = now_s, 0
        if asked_hz > _ABOVE * planned_hz and now_s >= self._said_s + _SAID_S:
            self._said_s = now_s
            _LOG.warning(
                "%.3g requests a second come, and plans are made for [slo] rate_hz = %g: requests may wait for each "
                "other and be late, %d wait now; set rate_hz to what applications ask for, or let them ask for less",
                asked_hz,
                planned_hz,
                waiting,
            )
