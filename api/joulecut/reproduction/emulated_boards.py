"""A network executed at every operating point of emulated boards, on virtual time, and metered there."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from joulecut.reproduction.series import Series, SeriesPoint
from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import DeviceError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import ManualClock
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.profiling.measurable import MeasurableNetwork
from joulecut_runtime.profiling.meter_windows import busy_window

BOARDS = ("orin-nano-super", "tx2", "agx-xavier")

_WARM_UP = 3
_PERIODS = 20
_RUNS = 20
"""Periods of the meter and runs of the network behind each point, at least."""


@dataclass(frozen=True, slots=True)
class EmulatedBoards:
    """One network's series on each board, by the board's short name."""

    by_board: Mapping[str, Series]

    def watts(self, board: str, point: OperatingPoint) -> float:
        """Watts of a board while it computes this network. Raises DeviceError for a board or point that was not run."""
        try:
            return self.by_board[board].at(point).power_w
        except LookupError as cause:
            raise DeviceError(
                f"no watts of emulated:{board} at {point}; expected one of its operating points"
            ) from cause


def execute_boards(network: MeasurableNetwork) -> EmulatedBoards:
    """Run the whole network at every operating point of each board. `network` answers at once (a recording)."""
    return EmulatedBoards({board: _execute(network, board) for board in BOARDS})


def _execute(network: MeasurableNetwork, board: str) -> Series:
    clock = ManualClock()
    device = open_device(f"emulated:{board}", clock=clock)
    whole = network.whole

    def run() -> float:
        with device.execution(whole.workload) as execution:
            whole(())
        return execution.elapsed_s

    points = []
    for point in device.clock_table.points:
        with device.lease(point):
            for _ in range(_WARM_UP):
                run()
            window = busy_window(device, clock, run, periods=_PERIODS, runs=_RUNS)
        points.append(
            SeriesPoint(point=point, latency_s=statistics.fmean(window.times_s), power_w=window.energy.power_w)
        )
    device.close()
    return Series(
        name=f"emulated-{board}-{network.table.network}",
        device=f"emulated:{board}",
        workload=network.table.network,
        source=f"executed on emulated:{board}",
        licence="Apache-2.0 (joulecut)",
        latency_kind=FigureKind.EMULATED,
        energy_kind=FigureKind.EMULATED,
        power_scope=device.info.power_scope,
        points=tuple(points),
    )
