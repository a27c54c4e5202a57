"""Which GPU clock the power mode allows, told from the limits that the kernel shows.

    minimum < maximum    nobody pins the clock: the maximum is the mode's
    minimum = maximum    a lease or jetson_clocks pins it: the mode's is what was seen before, if it was higher

What nvpmodel says of itself proves nothing (in a container it reports modes that it never set), so it is not asked.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerMode:
    """The highest clocks that the mode in force allows; `changes` counts those seen since the device was opened."""

    ceiling_mhz: float
    memory_ceiling_mhz: float | None
    changes: int


class PowerModeWatch:
    """Remembers ceilings over leases and notices when they change. Safe to call from several threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._mode: PowerMode | None = None

    def see(self, low_hz: int, high_hz: int, top_hz: int, memory_top_hz: int | None) -> PowerMode:
        """The mode behind the kernel's limits, 0 meaning none.

        `top_hz` is the highest GPU clock that the kernel lists, `memory_top_hz` the highest memory clock under the
        mode's cap, None where there is none to set.
        """
        shown_mhz = min(high_hz or top_hz, top_hz) / 1e6
        memory_mhz = None if memory_top_hz is None else memory_top_hz / 1e6
        pinned = low_hz == high_hz != 0
        with self._lock:
            before = self._mode
            ceiling_mhz = max(shown_mhz, before.ceiling_mhz) if pinned and before is not None else shown_mhz
            changes = before.changes if before is not None else 0
            mode = PowerMode(ceiling_mhz=ceiling_mhz, memory_ceiling_mhz=memory_mhz, changes=changes)
            if before is not None and mode != before:
                mode = PowerMode(ceiling_mhz=ceiling_mhz, memory_ceiling_mhz=memory_mhz, changes=changes + 1)
                _log.warning("the power mode of %s has changed: %s, was %s", self._name, _words(mode), _words(before))
            self._mode = mode
        return mode


def _words(mode: PowerMode) -> str:
    memory = "" if mode.memory_ceiling_mhz is None else f", memory up to {mode.memory_ceiling_mhz:g} MHz"
    return f"GPU up to {mode.ceiling_mhz:g} MHz{memory}"
