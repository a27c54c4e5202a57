"""What the host's processor is called, and at what clock it claims to run."""

from __future__ import annotations

import platform
import re

from joulecut_runtime.devices.host.kernel_files import KernelFiles

_NAMES = ("model name", "Model", "Hardware", "cpu model")
"""What /proc/cpuinfo calls the processor on x86, on ARM boards, on older ARM kernels and on MIPS."""


def cpu_name(files: KernelFiles) -> str:
    """The processor as its maker calls it, and how many CPUs of it the kernel runs: "AMD EPYC, 2 CPUs"."""
    entries = _entries(files)
    name = next((entries[key] for key in _NAMES if key in entries), None) or _board(files) or platform.machine()
    count = len(re.findall(r"^processor\s*:", files.text("proc/cpuinfo") or "", flags=re.MULTILINE)) or 1
    return f"{' '.join(name.split())}, {count} CPU{'' if count == 1 else 's'}"


def nominal_mhz(files: KernelFiles) -> float | None:
    """The clock in the processor's name, else the one the kernel shows now, rounded; None where neither is told."""
    entries = _entries(files)
    named = re.search(r"@\s*([\d.]+)\s*GHz", entries.get("model name", ""))
    if named:
        return round(1e3 * float(named[1]))
    shown = re.fullmatch(r"\d+(\.\d+)?", entries.get("cpu MHz", ""))
    return round(float(shown[0])) or None if shown else None


def host_name(files: KernelFiles) -> str:
    """What the host calls itself."""
    return files.text("proc/sys/kernel/hostname") or "host"


def _board(files: KernelFiles) -> str | None:
    board = files.text("proc/device-tree/model")
    return None if board is None else board.strip("\0")


def _entries(files: KernelFiles) -> dict[str, str]:
    """The first value of each key of /proc/cpuinfo."""
    entries: dict[str, str] = {}
    for line in (files.text("proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        entries.setdefault(key.strip(), value.strip())
    return entries
