"""Measuring a network of one's own on a device: seconds of each block, watts busy and waiting, at every clock."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from joulecut.own.arrays import tensors_of
from joulecut.own.network import Network
from joulecut.own.progress import Progress, progress_sink
from joulecut_core.argument_types import expect_type
from joulecut_core.errors import ConfigError
from joulecut_core.profiles import Profile
from joulecut_core.timing import SystemClock
from joulecut_runtime.devices.opening import is_real, open_device
from joulecut_runtime.devices.options import DeviceOptions
from joulecut_runtime.engines import EngineName, EngineNetwork, Precision
from joulecut_runtime.execution.device_engine import engine_on
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.profiler import Side, profile_network
from joulecut_runtime.profiling.provision import example_inputs
from joulecut_runtime.profiling.rehearsal import rehearse_profile


def profile(
    network: Network,
    *,
    device: str,
    side: Side,
    inputs: Sequence[npt.ArrayLike] | None = None,
    rates_hz: Sequence[float] = (),
    options: DeviceOptions | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Profile:
    """What `network` takes on `device`, as `joulecut profile` measures it.

    `device`: "emulated:orin-nano-15w" and the like, "jetson", "nvml", "cpu". `side`: "edge" measures heads and
    encoding, "server" tails and decoding. `inputs`: one request; made up from `seed` if left out. `rates_hz`:
    request rates in Hz at which the board's own governor is measured too. `options`: how a real device is opened.
    `progress` is called with steps done, steps in all, and what was done. An emulated device is measured on virtual
    time, within seconds and with the same result everywhere; a real one holds its clocks for minutes.

    Raises DeviceError where the device is unknown, absent or without a meter, ContractError where `inputs` do not
    fit, ConfigError for an option or rate that is wrong, TypeError for what is no network or no device's name.
    """
    expect_type("network", network, Network, "make one with joulecut.capture, or read a bundle with joulecut.load")
    expect_type("device", device, str, "name one, such as 'emulated:t4' (`joulecut device list` shows them)")
    if side not in ("edge", "server"):
        raise ConfigError(f"side: {side!r}; expected 'edge' or 'server'")
    specs = network.inputs
    tensors = example_inputs(specs, seed=seed) if inputs is None else tensors_of(inputs, specs)
    plan, sink = ProfilePlan(seed=seed), progress_sink(progress)
    if not is_real(device):
        if options is not None:
            raise ConfigError(f"options are for real devices; {device!r} is emulated: leave them out")
        return rehearse_profile(
            network.runtime,
            device,
            side=side,
            inputs=tensors,
            plan=plan,
            seed=seed,
            engine=EngineName.EAGER.value,
            precision=Precision.FP32.value,
            governed_rates_hz=rates_hz,
            progress=sink,
        )
    clock, known = SystemClock(), options or DeviceOptions()
    opened = open_device(device, clock=clock, options=known)
    try:
        engine = engine_on(opened, known, clock=clock)
        return profile_network(
            EngineNetwork(network.runtime, engine),
            opened,
            side=side,
            clock=clock,
            inputs=tensors,
            plan=plan,
            engine=engine.name.value,
            precision=engine.precision.value,
            governed_rates_hz=rates_hz,
            progress=sink,
        )
    finally:
        opened.close()
