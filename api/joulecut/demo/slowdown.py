"""How much slower than real time this host has to run the demo: the declared slow-down of both sides and the link.

The host computes in earnest what the emulated GPUs would, so an emulated second must last long
enough on the wall for the slower of the two computations.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import LinkError
from joulecut_core.timing import Clock, ManualClock, ScaledClock, SystemClock
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.networks.network import Network
from joulecut_runtime.profiling.provision import example_inputs

R = TypeVar("R")

_FEWEST_RUNS = 7
_MOST_RUNS = 200
_LOOK_S = 0.5
"""So long is looked, within these numbers of runs: what else the host does comes in bursts."""
_BUSIEST = 1.5
"""A host with other things to do counts as slower than it is alone by no more than this."""
_TRIES = 4
_HEADROOM = 2.0
"""Both agents and the link share the host while it was alone in this measurement."""
HEADROOM_OF_FIRST_TRY = 1.5
"""The same where a host that does not keep up is given more time later: most of a run's time is waiting."""


class HostTooSlowError(LinkError):
    """Both agents are there, but did not keep up with their own time."""


def kept_up(run: Callable[[float], R], slowdown: float, told: Callable[[str], None], *, may_slow_down: bool) -> R:
    """What `run` gives at the least of a few slow-downs, each twice the one before, that this host keeps up with.

    `told` hears of every further try. Raises HostTooSlowError after the last one, or at once where `slowdown` is not to
    be touched.
    """
    for left in reversed(range(_TRIES if may_slow_down else 1)):
        try:
            return run(slowdown)
        except HostTooSlowError as error:
            slowdown *= 2.0
            if not left:
                remedy = f"wait until this host has less to do, or give --slowdown {slowdown:g}"
                raise HostTooSlowError(f"{error}; {remedy}") from error
            told(f"{error}; once more with a slow-down of {slowdown:g}")
    raise AssertionError("the last try returns or raises")


def wall_clock(slowdown: float) -> Clock:
    """The clock that both devices and the link between them live in: `slowdown` wall seconds per second."""
    return SystemClock() if slowdown == 1.0 else ScaledClock(slowdown)


def needed_slowdown(network: Network, devices: tuple[str, ...], *, headroom: float = _HEADROOM) -> float:
    """The smallest whole factor at which this host keeps up with every one of the devices at its top clocks.

    `headroom`: how many times slower the host may be in the run than it is alone.
    """
    host_s = _host_seconds(network)
    emulated_s = min(_emulated_seconds(network, device) for device in devices)
    return float(max(1, math.ceil(headroom * host_s / emulated_s)))


def _host_seconds(network: Network) -> float:
    torch.set_num_threads(1)
    inputs = example_inputs(network.table.inputs)
    seconds: list[float] = []
    while len(seconds) < _FEWEST_RUNS or (sum(seconds) < _LOOK_S and len(seconds) < _MOST_RUNS):
        start_s = time.perf_counter()
        network.whole(inputs)
        seconds.append(time.perf_counter() - start_s)
    # Runs that others interrupted say how busy the host is, which may soon be over. Where it is not, the agents do not
    # keep up, and are given more time then.
    return min(statistics.median(seconds), _BUSIEST * min(seconds))


def _emulated_seconds(network: Network, name: str) -> float:
    device = open_device(name, clock=ManualClock())
    try:
        top: OperatingPoint = device.clock_table.top
        with device.lease(top), device.execution(network.whole.workload) as execution:
            pass
        return execution.elapsed_s
    finally:
        device.close()
