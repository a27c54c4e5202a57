"""Waiting until a device runs at the clocks that it was asked for.

A driver's success code says that a request is installed, not that the clock runs; and how long that takes is known
for few boards (5 to 14 ms on an Orin Nano, no published figure for data-centre GPUs). So the read-back decides, and
the time it needed is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState
from joulecut_core.errors import ConfigError
from joulecut_core.timing import Clock
from joulecut_runtime.devices.hardware.probe import Probe

_LOG = logging.getLogger(__name__)

POLL_S = 0.002
"""Between two readings, where nobody says otherwise: no wait is shorter."""
_SLOWED_S = 0.02
"""After which a device that slows itself down runs as fast as it will: whoever waits on would hold all requests up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlePlan:
    """How to wait for a clock: a reading every `poll_s`, at most `time_out_s`.

    `under_load`: a context in which the device works; clocks are read back inside it. A GPU that idles may read low
    however it is locked, so where nothing can load such a one the wait ends at its time-out.
    """

    poll_s: float = POLL_S
    time_out_s: float = 1.0
    under_load: Callable[[], AbstractContextManager[object]] = nullcontext

    def __post_init__(self) -> None:
        if not 0 < self.poll_s <= self.time_out_s:
            raise ConfigError(
                f"settling: a reading every {self.poll_s!r} s for at most {self.time_out_s!r} s; "
                "expected 0 < poll_s <= time_out_s"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How one wait ended: after `time_s` seconds at `achieved`, which is `requested` where it was `reached`."""

    requested: OperatingPoint
    achieved: OperatingPoint
    reached: bool
    time_s: float


def read_back(probe: Probe, plan: SettlePlan) -> OperatingPoint:
    """The clocks that the device runs at under load. Raises DeviceError where it has vanished."""
    return _read(probe, plan).point


def settle(probe: Probe, point: OperatingPoint, *, clock: Clock, plan: SettlePlan) -> Settled:
    """Wait until the device reads `point`, or the plan's patience ends; one that says why it runs slower gets little.

    Raises DeviceError where the device vanishes meanwhile.
    """
    start_s = clock.now_s()
    while True:
        state = _read(probe, plan)
        achieved, time_s = state.point, clock.now_s() - start_s
        reached = achieved.matches(point)
        slowed = bool(state.throttle) and achieved.core_mhz < point.core_mhz
        if reached or time_s >= (min(_SLOWED_S, plan.time_out_s) if slowed else plan.time_out_s):
            _LOG.debug("%s: %s after %g s, asked for %s", probe.info.name, achieved, time_s, point)
            return Settled(requested=point, achieved=achieved, reached=reached, time_s=time_s)
        clock.sleep_until_s(start_s + time_s + plan.poll_s)


def _read(probe: Probe, plan: SettlePlan) -> DeviceState:
    with plan.under_load():
        return probe.read()
