"""What the machine is seen to have before any device is opened, and what it has that nobody can open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from joulecut.devices.inventory import Inventory
from joulecut.diagnosis.finding import Area, Fact, Finding, Status
from joulecut.diagnosis.hardware import advice
from joulecut_runtime.devices.hardware.patience import BlockedError

_NVIDIA = "0x10de"
_DISPLAY_CLASS = "0x03"
"""PCI base class of display controllers, to which GPUs without a display belong too."""


def examine_inventory(inventory: Inventory, root: Path) -> Iterator[Finding]:
    """Which devices are here; an NVIDIA GPU on the bus that no driver answers for is a problem."""
    names = [each.name for each in inventory.sightings]
    on_bus = _gpus_on_bus(root)
    facts: dict[str, Fact] = {"devices": names, "tegra": inventory.tegra, "gpus": inventory.gpus, "gpus_on_bus": on_bus}
    what = f"devices to look at: {', '.join(names)}"
    yield Finding(area=Area.DEVICE, name="devices", status=Status.OK, what=what, facts=facts)
    for backend, error in inventory.failures.items():
        reason = " ".join(str(error).split())
        if isinstance(error, BlockedError):
            facts = {"reason": reason}
            remedy = "restart the machine: a driver of its kernel hangs"
            yield Finding(
                area=Area.DEVICE, name=backend, status=Status.PROBLEM, what=reason, remedy=remedy, facts=facts
            )
            continue
        unseen = on_bus > inventory.gpus
        yield Finding(
            area=Area.DEVICE,
            name=backend,
            status=Status.PROBLEM if unseen else Status.NOTE,
            what=f"{on_bus} NVIDIA GPU on the bus, but {reason}" if unseen else "no NVIDIA GPU is here",
            remedy=advice(reason) if unseen else None,
            facts={"reason": reason, "gpus_on_bus": on_bus},
        )


def _gpus_on_bus(root: Path) -> int:
    return sum(_is_gpu(folder) for folder in (root / "sys/bus/pci/devices").glob("*"))


def _is_gpu(folder: Path) -> bool:
    try:
        vendor = (folder / "vendor").read_text(encoding="ascii", errors="replace").strip()
        kind = (folder / "class").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return False
    return vendor == _NVIDIA and kind.startswith(_DISPLAY_CLASS)
