"""A probe around a probe: what it does not say otherwise is the inner one's answer."""

from __future__ import annotations

from joulecut_core.clocks import ClockTable
from joulecut_core.devices import DeviceInfo, DeviceState
from joulecut_runtime.devices.hardware.probe import Capabilities, Probe


class WrappedProbe:
    """Implements Probe by another one."""

    def __init__(self, inner: Probe, *, info: DeviceInfo, capabilities: Capabilities) -> None:
        self._inner = inner
        self._info = info
        self._capabilities = capabilities

    @property
    def info(self) -> DeviceInfo:
        """The inner probe's, with another meter."""
        return self._info

    @property
    def board(self) -> str:
        """The inner probe's board."""
        return self._inner.board

    @property
    def capabilities(self) -> Capabilities:
        """The inner probe's, with another meter."""
        return self._capabilities

    @property
    def clock_table(self) -> ClockTable:
        """The inner probe's points."""
        return self._inner.clock_table

    def read(self) -> DeviceState:
        """The inner probe's reading."""
        return self._inner.read()

    def close(self) -> None:
        """Close the inner probe."""
        self._inner.close()
