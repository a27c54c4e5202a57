"""Profile an emulated device on virtual time: exact and repeatable, however slow this machine is.

Paced against the wall, a host that cannot keep up with the emulated device would put its own time
into the profile. On a clock that only moves when somebody waits on it, it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from joulecut_core.errors import DeviceError
from joulecut_core.point_choice import PointChooser
from joulecut_core.profiles import Profile
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import is_real, open_device
from joulecut_runtime.profiling.journal import ProfileJournal
from joulecut_runtime.profiling.measurable import MeasurableNetwork
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.profiler import Side, profile_network
from joulecut_runtime.profiling.progress import ProgressSink
from joulecut_runtime.profiling.recorded_network import RecordedNetwork


def rehearse_profile(
    network: MeasurableNetwork,
    device_name: str,
    *,
    side: Side,
    inputs: tuple[Tensor, ...],
    plan: ProfilePlan | None = None,
    seed: int = 0,
    engine: str = "eager",
    precision: str = "fp32",
    governed_rates_hz: Sequence[float] = (),
    progress: ProgressSink | None = None,
    chooser: PointChooser | None = None,
    journal: ProfileJournal | None = None,
) -> Profile:
    """`profile_network` of an emulated device opened for this alone, in its own time.

    `seed` is the emulated device's noise. Raises DeviceError for a device that is not emulated.
    """
    if is_real(device_name):
        raise DeviceError(f"{device_name} is real; expected an emulated device: real ones only run in real time")
    clock = ManualClock()
    device = open_device(device_name, clock=clock, seed=seed)
    try:
        return profile_network(
            RecordedNetwork(network, inputs),
            device,
            side=side,
            clock=clock,
            inputs=inputs,
            plan=plan,
            engine=engine,
            precision=precision,
            governed_rates_hz=governed_rates_hz,
            progress=progress,
            chooser=chooser,
            journal=journal,
        )
    finally:
        device.close()
