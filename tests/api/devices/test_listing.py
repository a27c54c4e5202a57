"""A list of devices, one of which does not open."""

from __future__ import annotations

from pathlib import Path

from joulecut.devices.clock_access import Setter
from joulecut.devices.desk import Desk
from joulecut.devices.listing import Listed, Unopened, look
from joulecut_core.timing import ManualClock


def test_a_device_that_does_not_open_hides_no_other(tmp_path: Path) -> None:
    """It is listed with its reason; the others follow."""
    desk = Desk(tmp_path, None, ManualClock())
    broken, cpu, emulated = look(desk, ("jetson", "cpu", "emulated:l4"))
    assert isinstance(broken, Unopened)
    assert "not a Jetson" in broken.error
    assert isinstance(cpu, Listed)
    assert cpu.settable_by is Setter.NOBODY
    assert isinstance(emulated, Listed)
    assert emulated.name == "emulated:l4"
