"""A device whose clocks are left to its own governor, whoever could set them."""

from __future__ import annotations

from dataclasses import replace

from joulecut_core.clocks import ClockTable
from joulecut_runtime.devices.hardware.probe import Probe
from joulecut_runtime.devices.meters.wrapped import WrappedProbe


class GovernedProbe(WrappedProbe):
    """A Probe of the same device with nothing to set: its table is the top clock, where work leads a governor.

    Readings stay what they are: a lease of that one point achieves whatever the governor runs.
    """

    def __init__(self, probe: Probe) -> None:
        can = probe.capabilities
        super().__init__(
            probe,
            info=probe.info,
            capabilities=replace(
                can,
                core_settable=False,
                memory_settable=False,
                remarks=(*can.remarks, "clocks are left to the governor, as configured"),
            ),
        )

    @property
    def clock_table(self) -> ClockTable:
        """The highest point of the device's own table."""
        return ClockTable(points=(super().clock_table.top,))
