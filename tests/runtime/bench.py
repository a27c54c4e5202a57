"""An emulated board on its own clock, for tests of the profiler."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState, Execution, Lease
from joulecut_core.point_choice import PointChooser
from joulecut_core.profiles import Profile
from joulecut_core.timing import ManualClock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices import opening
from joulecut_runtime.devices.device_file import DeviceFile, load_device_file
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.profiling.journal import ProfileJournal
from joulecut_runtime.profiling.plan import ProfilePlan
from joulecut_runtime.profiling.profiler import Side, profile_network
from joulecut_runtime.profiling.progress import ProgressSink
from tests.runtime.small_network import SmallNetwork, small_network, small_pictures

BOARD = "orin-nano-15w"
INPUTS = small_pictures(1)[0]
QUICK = ProfilePlan(core_clocks=2, repetitions=5, window_runs=5, codec_runs=5)


class Bench:
    """An emulated board on its own clock, which notes the leases taken; subclasses make it misbehave."""

    def __init__(self, *, seed: int = 0) -> None:
        self.file: DeviceFile = load_device_file(Path(opening.__file__).parent / "files" / f"{BOARD}.toml")
        self.clock = ManualClock()
        self.leased: list[OperatingPoint] = []
        self.emulated = EmulatedDevice(self.file, clock=self.clock, seed=seed)

    @property
    def info(self) -> DeviceInfo:
        return self.emulated.info

    @property
    def clock_table(self) -> ClockTable:
        return self.emulated.clock_table

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        self.leased.append(point)
        return self.emulated.lease(point)

    def state(self) -> DeviceState:
        return self.emulated.state()

    def execution(self, workload: Workload) -> AbstractContextManager[Execution]:
        return self.emulated.execution(workload)

    def close(self) -> None:
        self.emulated.close()

    def profile(
        self,
        network: SmallNetwork | None = None,
        *,
        side: Side = "edge",
        plan: ProfilePlan = QUICK,
        governed_rates_hz: tuple[float, ...] = (),
        progress: ProgressSink | None = None,
        chooser: PointChooser | None = None,
        journal: ProfileJournal | None = None,
    ) -> Profile:
        return profile_network(
            network or small_network(),
            self,
            side=side,
            clock=self.clock,
            inputs=INPUTS,
            plan=plan,
            governed_rates_hz=governed_rates_hz,
            progress=progress,
            chooser=chooser,
            journal=journal,
        )
