"""Why a Jetson's GPU runs below the clock that is asked for, by what the kernel shows."""

from __future__ import annotations

import threading
from pathlib import Path

from joulecut_core.devices import ThrottleReason
from joulecut_runtime.clockd.kernel_files import read

_GPU_COOLING = ("gpu", "gv11b", "gp10b", "ga10b", "gb10b", "hot-surface", "emergency")
"""What the types of cooling devices that slow the GPU contain; a fan cools without slowing anything."""

_SETTLED_S = 0.05
"""A new limit is in force within 7 ms on an Orin Nano; until then a lower clock is no throttling."""

_IDLE_PERMILLE = 50
"""Below this load a power-gated GPU may show any clock."""

_TOLERANCE = 0.99


class ThrottleWatch:
    """Gathers the evidence. Safe to call from several threads."""

    def __init__(self, root: Path) -> None:
        devices = sorted(root.glob("sys/class/thermal/cooling_device*"))
        self._cooling = tuple(folder / "cur_state" for folder in devices if _slows_the_gpu(read(folder / "type")))
        self._events = tuple(sorted(root.glob("sys/class/hwmon/hwmon*/oc*_event_cnt")))
        self._lock = threading.Lock()
        self._counted = {path: read(path) for path in self._events}
        self._limits: tuple[int, int] | None = None
        self._limits_since_s = 0.0

    def reasons(
        self, *, now_s: float, current_hz: int, low_hz: int, high_hz: int, load_permille: int | None
    ) -> frozenset[ThrottleReason]:
        """What slows the GPU now, by the evidence there is.

        THERMAL where a cooling device slows the GPU; POWER_CAP where over-current events were counted since the last
        call; HARDWARE where a loaded GPU stays below its minimum and neither is the reason.
        """
        reasons: set[ThrottleReason] = set()
        if any(read(path) not in {"", "0"} for path in self._cooling):
            reasons.add(ThrottleReason.THERMAL)
        counted = {path: read(path) for path in self._events}
        with self._lock:
            if counted != self._counted:
                reasons.add(ThrottleReason.POWER_CAP)
            self._counted = counted
            if (low_hz, high_hz) != self._limits:
                self._limits, self._limits_since_s = (low_hz, high_hz), now_s
            settled = now_s - self._limits_since_s >= _SETTLED_S
        idle = load_permille is not None and load_permille < _IDLE_PERMILLE
        if settled and not idle and not reasons and current_hz < low_hz * _TOLERANCE:
            reasons.add(ThrottleReason.HARDWARE)
        return frozenset(reasons)


def _slows_the_gpu(kind: str) -> bool:
    return "fan" not in kind.lower() and any(name in kind.lower() for name in _GPU_COOLING)
