"""The seam to whatever has clocks that can be set: one GPU, one devfreq node, the host's CPU."""

from collections.abc import Mapping
from typing import Protocol

from joulecut_core.errors import DeviceError

Snapshot = Mapping[str, str]
"""What a board held before it was touched, as text that a JSON file can keep. Only its board reads it."""
MEMORY_UNTOUCHED = "memory_untouched"
"""In a snapshot: the lease never set the memory clock, so that `restore` has to leave it alone."""


class UnchangedError(DeviceError):
    """This process may not set the board: refused at the first call, before anything was changed."""


class Board(Protocol):
    """Sets the clocks of one device. Needs privilege. Not thread-safe: its lease book takes turns."""

    key: str
    """The device's name in leases, allow-lists and logs, equal in every process: "nvml:GPU-5f0c…"."""

    def snapshot(self) -> Snapshot:
        """What `restore` needs to put back what is there now."""
        ...

    def apply(self, core_mhz: float, memory_mhz: float | None) -> None:
        """Ask the device to hold these clocks (memory_mhz None: leave memory alone).

        Raises ClockError where the device does not list them, DeviceError where it refuses or has vanished,
        UnchangedError where nothing was changed and nothing has to be restored.
        """

    def restore(self, snapshot: Snapshot) -> None:
        """Put back what the snapshot holds, and the driver's defaults for what it lacks; safe to repeat, in any state.

        Raises DeviceError where something could not be put back; the rest is put back all the same.
        """
