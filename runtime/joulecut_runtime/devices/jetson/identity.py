"""Which Jetson this is, without privilege. Asked before NVML, which opens on a Jetson too and knows nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from joulecut_runtime.clockd.kernel_files import read
from joulecut_runtime.devices.hardware.patience import TIMEOUT_S, patiently

_CHIPS = {"tegra186": "TX2", "tegra194": "Xavier", "tegra210": "Nano", "tegra234": "Orin", "tegra264": "Thor"}
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class JetsonIdentity:
    """A Jetson's names. `l4t` is "36.5.0", or "unknown" where the release file is missing (a container, say)."""

    model: str
    chip: str
    l4t: str
    serial: str


def is_tegra(root: Path = Path("/"), *, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether the machine with this root is a Jetson: it has a release file or says so in its device tree.

    Raises BlockedError where reading either blocks for `timeout_s` seconds on the wall.
    """
    return patiently(
        "the device tree", lambda: bool(read(root / "etc/nv_tegra_release")) or _chip(root) is not None, timeout_s
    )


def identify(root: Path = Path("/")) -> JetsonIdentity:
    """The Jetson with this root; fields that cannot be read are "unknown"."""
    release = re.search(r"R(\d+)\b.*?REVISION:\s*([\d.]+)", read(root / "etc/nv_tegra_release"))
    chip = _chip(root)
    model = read(root / "proc/device-tree/model") or f"NVIDIA Jetson {chip or ''}".strip()
    return JetsonIdentity(
        model=model,
        chip=chip or UNKNOWN,
        l4t=f"{release[1]}.{release[2]}" if release else UNKNOWN,
        serial=read(root / "proc/device-tree/serial-number") or read(root / "etc/machine-id") or UNKNOWN,
    )


def _chip(root: Path) -> str | None:
    compatible = read(root / "proc/device-tree/compatible")
    return next((chip for name, chip in _CHIPS.items() if name in compatible), None)
