"""The host's CPU clocks as cpufreq tells them: clusters of cores that share a ladder.

A *policy* is what cpufreq sets as one: a core, a pair, a socket. Policies of one ladder make a *cluster*. Where there
are several (big and little cores), the core clock of joulecut is that of the fastest: there the parts of a network
run, and there the watts are. The others go along, as near as they can.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from joulecut_core.clocks import OperatingPoint
from joulecut_runtime.devices.host.kernel_files import KernelFiles

CPUFREQ = "sys/devices/system/cpu/cpufreq"
_STEP_KHZ = 100_000
"""Where a driver lists no clocks any within its range can be asked for; Intel's multipliers are 100 MHz apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The policies of one ladder, and the driver behind them. `is_listed`: the driver names its clocks itself."""

    policies: tuple[Path, ...]
    driver: str
    clocks_mhz: tuple[float, ...]
    is_listed: bool


def find_clusters(files: KernelFiles) -> tuple[Cluster, ...]:
    """The host's clusters, the fastest first; empty where there is no cpufreq."""
    by_ladder: dict[tuple[float, ...], list[Path]] = {}
    for policy in files.folders(CPUFREQ, r"policy\d+"):
        clocks_mhz = ladder_mhz(files, policy)
        if clocks_mhz:
            by_ladder.setdefault(clocks_mhz, []).append(policy)
    return tuple(
        Cluster(
            policies=tuple(policies),
            driver=files.text(policies[0] / "scaling_driver") or "cpufreq",
            clocks_mhz=clocks_mhz,
            is_listed=files.text(policies[0] / "scaling_available_frequencies") is not None,
        )
        for clocks_mhz, policies in sorted(by_ladder.items(), key=lambda item: item[0][-1], reverse=True)
    )


def ladder_mhz(files: KernelFiles, policy: Path) -> tuple[float, ...]:
    """The clocks a policy can hold now, ascending: those listed, else its range in steps; empty where neither is told.

    The firmware's present limit counts, an administrator's does not: a lease would replace it.
    """
    low_khz, high_khz = files.number(policy / "cpuinfo_min_freq"), files.number(policy / "cpuinfo_max_freq")
    if low_khz is None or high_khz is None or not 0 < low_khz <= high_khz:
        return ()
    limit_khz = files.number(policy / "bios_limit")
    if limit_khz is not None and low_khz <= limit_khz < high_khz:
        high_khz = limit_khz
    listed = (files.text(policy / "scaling_available_frequencies") or "").split()
    if listed:
        clocks_khz = {int(clock) for clock in listed if clock.isdigit() and low_khz <= int(clock) <= high_khz}
    else:
        first_khz = -(-low_khz // _STEP_KHZ) * _STEP_KHZ
        clocks_khz = {low_khz, *range(first_khz, high_khz, _STEP_KHZ), high_khz}
    return tuple(clock / 1e3 for clock in sorted(clocks_khz))


def current_mhz(files: KernelFiles, cluster: Cluster) -> float | None:
    """The highest clock that a core of the cluster runs at: idle ones tell what they fell asleep at."""
    found = [files.number(policy / "scaling_cur_freq") for policy in cluster.policies]
    known_khz = [clock for clock in found if clock is not None and clock > 0]
    return max(known_khz) / 1e3 if known_khz else None


def nearest_point(clocks_mhz: tuple[float, ...], running_mhz: float) -> OperatingPoint:
    """The ladder's point next to a clock: the kernel reports an average over its last tick, 2394 for 2400."""
    return OperatingPoint(core_mhz=min(clocks_mhz, key=lambda clock_mhz: abs(clock_mhz - running_mhz)))
