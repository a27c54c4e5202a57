"""How much slower than real time this host has to run the demo: the declared slow-down of both sides and the link.

The host computes in earnest what the emulated GPUs would, so an emulated second must last long
enough on the wall for the slower of the two computations.
"""

from __future__ import annotations

import math
import time

import torch

from joulecut_core.clocks import OperatingPoint
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.network import Network
from joulecut_runtime.profile_provision import example_inputs

_RUNS = 7
_HEADROOM = 2.0
"""Both agents and the link share the host while it was alone in this measurement."""


def needed_slowdown(network: Network, devices: tuple[str, ...]) -> float:
    """The smallest whole factor at which this host keeps up with every one of the devices at its top clocks."""
    host_s = _host_seconds(network)
    emulated_s = min(_emulated_seconds(network, device) for device in devices)
    return float(max(1, math.ceil(_HEADROOM * host_s / emulated_s)))


def _host_seconds(network: Network) -> float:
    """The quickest of some runs: what this host can do, whatever else it did meanwhile."""
    torch.set_num_threads(1)
    inputs = example_inputs(network.table.inputs)
    seconds = []
    for _ in range(_RUNS):
        start_s = time.perf_counter()
        network.whole(inputs)
        seconds.append(time.perf_counter() - start_s)
    return min(seconds)


def _emulated_seconds(network: Network, name: str) -> float:
    device = open_device(name, clock=ManualClock())
    try:
        top: OperatingPoint = device.clock_table.top
        with device.lease(top), device.execution(network.whole.workload) as execution:
            pass
        return execution.elapsed_s
    finally:
        device.close()
