"""Joules of the host's CPU packages, from the RAPL counters that Linux shows below powercap.

    /sys/class/powercap/intel-rapl:0      package-0     counted
                        intel-rapl:0:0    core, dram    part of a package: never added to it
                        intel-rapl:1      package-1     counted
                        intel-rapl:2      psys          contains the packages: never added to them
                        intel-rapl-mmio:0 package-0     the same package by another road: never added to it

Counters wrap at `max_energy_range_uj`. A thread reads them often enough that no wrap is missed, though nobody asks.
A host that was suspended may begin again at 0: a fall that no draw explains as a wrap is taken for that. What no draw
explains at all is not counted.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from joulecut_core.energy import EnergyReading
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import Clock, is_set_within
from joulecut_runtime.devices.hardware.patience import TIMEOUT_S, Patience
from joulecut_runtime.devices.host.kernel_files import KernelFiles

_LOG = logging.getLogger(__name__)

POWERCAP = "sys/class/powercap"
PERIOD_S = 0.02
"""The counters change about every millisecond; they are read less often, since reading costs what it measures."""
_ROUNDING = 1e-6
_MOST_W = 1000.0
"""No CPU package draws more, so none wraps sooner than this lets it."""
_LEAST_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RaplPackage:
    """One package's counter, which runs from 0 to `range_uj` and then from 0 again."""

    zone: Path
    range_uj: int


def find_packages(files: KernelFiles) -> tuple[RaplPackage, ...]:
    """The host's packages. Raises DeviceError, with the remedy, where there are none or one cannot be read."""
    packages = []
    for zone in files.folders(POWERCAP, r"intel-rapl:\d+"):
        if (files.text(zone / "name") or "").startswith("package-"):
            _read_uj(files, zone)
            packages.append(RaplPackage(zone=zone, range_uj=files.number(zone / "max_energy_range_uj") or 0))
    if not packages:
        raise DeviceError(
            f"no RAPL package below /{POWERCAP}, as in most virtual machines and containers: its joules cannot be "
            "measured; expected a bare-metal host with the intel_rapl driver, or watts that you configure"
        )
    return tuple(packages)


class RaplMeter:
    """Joules of all packages together since it was opened, read anew every 20 ms at most. Thread-safe.

    Raises DeviceError where a counter has vanished, or its read blocks for `timeout_s` seconds on the wall.
    """

    figures = FigureKind.MEASURED

    def __init__(self, files: KernelFiles, clock: Clock, *, timeout_s: float = TIMEOUT_S) -> None:
        """Opens the counters; takes one period, so that a draw is known from the start. Raises DeviceError."""
        self._files = files
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._timeout_s, self._patience = timeout_s, Patience(timeout_s)
        try:
            self._packages = self._patience.run("the RAPL counters", partial(find_packages, files))
            self._counters_uj = self._read_counters()
            self._last = EnergyReading(time_s=clock.now_s(), energy_j=0.0)
            self._power_w = 0.0
            clock.sleep_until_s(self._last.time_s + PERIOD_S)
            self.read()
        except BaseException:
            self._patience.close()
            raise
        ranges_uj = [package.range_uj for package in self._packages if package.range_uj > 0]
        self._pause_s = max(_LEAST_PAUSE_S, min(ranges_uj, default=0) * 1e-6 / _MOST_W / 2)
        self._thread = threading.Thread(target=self._follow, name="rapl", daemon=True)
        self._thread.start()

    @property
    def scope(self) -> str:
        """What the joules contain."""
        count = len(self._packages)
        return "CPU package (RAPL)" if count == 1 else f"{count} CPU packages (RAPL)"

    @property
    def power_w(self) -> float:
        """Mean draw over the latest stretch between two readings."""
        return self._power_w

    def read(self) -> EnergyReading:
        """The latest reading, taken anew where it is a period old."""
        with self._lock:
            now_s = self._clock.now_s()
            passed_s = now_s - self._last.time_s
            if passed_s >= PERIOD_S * (1 - _ROUNDING):
                before_uj, self._counters_uj = self._counters_uj, self._read_counters()
                most_uj = 1e6 * _MOST_W * (self._clock.now_s() - self._last.time_s)
                drawn_j = _drawn_j(self._packages, before_uj, self._counters_uj, most_uj)
                self._last = EnergyReading(time_s=now_s, energy_j=self._last.energy_j + drawn_j)
                self._power_w = drawn_j / passed_s
            return self._last

    def close(self) -> None:
        """Stop following the counters. Safe to call twice."""
        self._stop.set()
        self._thread.join(self._timeout_s)
        self._patience.close()

    def _read_counters(self) -> tuple[int, ...]:
        zones = [package.zone for package in self._packages]
        return self._patience.run("the RAPL counters", lambda: tuple(_read_uj(self._files, zone) for zone in zones))

    def _follow(self) -> None:
        # By the wall, whatever the clock: the counters are silicon's and wrap in its time.
        while not is_set_within(self._stop, self._pause_s):
            try:
                self.read()
            except DeviceError:
                # Whoever reads next is told; the counters go on meanwhile, and wrap.
                continue


def _drawn_j(
    packages: Sequence[RaplPackage], before_uj: Sequence[int], after_uj: Sequence[int], most_uj: float
) -> float:
    """`most_uj`: no package can have drawn more meanwhile."""
    drawn_uj = 0
    for package, before, after in zip(packages, before_uj, after_uj, strict=True):
        if after >= before:
            package_uj = after - before
        elif package.range_uj > 0:
            wrapped_uj = after + package.range_uj - before
            package_uj = wrapped_uj if wrapped_uj <= most_uj else after
        else:
            raise DeviceError(
                f"/{package.zone}/energy_uj fell from {before} to {after} and tells no range at which it wraps; "
                "expected max_energy_range_uj beside it"
            )
        if package_uj > most_uj:
            _LOG.warning(
                "/%s/energy_uj went from %d to %d, which no package draws in that time; nothing is counted for it",
                package.zone,
                before,
                after,
            )
        else:
            drawn_uj += package_uj
    return drawn_uj * 1e-6


def _read_uj(files: KernelFiles, zone: Path) -> int:
    path = zone / "energy_uj"
    try:
        return int(files.must_read(path))
    except PermissionError as error:
        raise DeviceError(
            f"/{path} is readable by root alone (mode 0400, CVE-2020-8694), so the CPU's joules cannot be measured; "
            f"let the agent's group read it at boot: chgrp joulecut /{POWERCAP}/intel-rapl:*/energy_uj && "
            f"chmod g+r /{POWERCAP}/intel-rapl:*/energy_uj"
        ) from error
    except (OSError, ValueError) as error:
        raise DeviceError(f"/{path} cannot be read: {error}; expected microjoules") from error
