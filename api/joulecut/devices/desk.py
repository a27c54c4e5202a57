"""What every `joulecut device` command starts from: devices by name, and who holds their clocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from joulecut.devices.clock_access import ClockKeeper
from joulecut.devices.inventory import find_devices, sighting
from joulecut.devices.readings import Story
from joulecut_core.devices import Device
from joulecut_core.timing import Clock
from joulecut_runtime.devices.hardware.probe import Probe
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.devices.options import DeviceOptions


class Desk:
    """Devices of this machine, or of the kernel tree below `root`, in the time of `clock`."""

    def __init__(self, root: Path, clockd_socket: Path | None, clock: Clock) -> None:
        self._options = DeviceOptions(root=str(root), clockd_socket=str(clockd_socket or ""))
        self._root = root
        self._clock = clock
        self._keeper = ClockKeeper(root, clockd_socket)

    def here(self) -> tuple[str, ...]:
        """The names of all real devices that are here."""
        return tuple(each.name for each in find_devices(self._root).sightings)

    def root(self, name: str) -> Path:
        """The kernel tree of the device of a name: its own place, or that of this machine."""
        return sighting(name, self._root).root

    def keeper(self, name: str) -> ClockKeeper:
        """Who may set the clocks of the device of a name."""
        return self._keeper.below(self.root(name))

    @contextmanager
    def probe(self, name: str) -> Iterator[Probe]:
        """Reads the device of a name. Raises DeviceError where it is not there."""
        probe = sighting(name, self._root).open_probe(self._clock)
        try:
            yield probe
        finally:
            probe.close()

    @contextmanager
    def device(self, name: str) -> Iterator[Device]:
        """The device of a name, opened as an agent would. Raises DeviceError where it is not there."""
        device = open_device(sighting(name, self._root).name, clock=self._clock, options=self._options)
        try:
            yield device
        finally:
            device.close()

    def story(self, name: str, probe: Probe) -> Story:
        """Readings of the device of a name, with whoever holds its clocks as far as the clock daemon knows."""
        return Story(probe.read, self._clock, partial(self.keeper(name).holding, probe.board))
