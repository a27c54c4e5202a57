"""How hot the host's CPU is, and whether it slows down for that."""

from __future__ import annotations

from pathlib import Path

from joulecut_core.timing import Clock
from joulecut_runtime.devices.host.kernel_files import KernelFiles

_ZONES = ("x86_pkg_temp", "cpu", "soc")
"""How the types of thermal zones of CPUs begin."""
_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
"""The hwmon drivers of CPUs."""
_RECENT_S = 1.0


class CpuTemperature:
    """The hottest of the CPU's sensors. They are looked up once: hwmon numbers change from boot to boot only."""

    def __init__(self, files: KernelFiles) -> None:
        self._files = files
        zones = files.folders("sys/class/thermal", r"thermal_zone\d+")
        self._sensors: list[Path] = [
            zone / "temp" for zone in zones if (files.text(zone / "type") or "").lower().startswith(_ZONES)
        ]
        for monitor in files.folders("sys/class/hwmon", r"hwmon\d+"):
            if files.text(monitor / "name") in _SENSORS:
                self._sensors.extend(files.folders(str(monitor), r"temp\d+_input"))

    def read_c(self) -> float | None:
        """Degrees Celsius; None where no sensor answers."""
        found_mc = [self._files.number(sensor) for sensor in self._sensors]
        known_mc = [value for value in found_mc if value is not None]
        return max(known_mc) / 1e3 if known_mc else None


class ThermalThrottle:
    """Whether a package slowed down because of heat within the last second, by the kernel's count of such events."""

    def __init__(self, files: KernelFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._counters = [
            cpu / "thermal_throttle" / "package_throttle_count"
            for cpu in files.folders("sys/devices/system/cpu", r"cpu\d+")
        ]
        self._counters = [counter for counter in self._counters if files.number(counter) is not None]
        self._events = self._count()
        self._seen_s: float | None = None

    def is_hot(self) -> bool:
        """Whether it does now, or did a moment ago."""
        events, now_s = self._count(), self._clock.now_s()
        if events > self._events:
            self._events, self._seen_s = events, now_s
        return self._seen_s is not None and now_s - self._seen_s <= _RECENT_S

    def _count(self) -> int:
        return sum(self._files.number(counter) or 0 for counter in self._counters)
