"""A device that is not there: real computation on this machine, paced and metered as a device file says.

    with device.lease(point), device.execution(workload) as execution:
        ... compute block 0 ...          the host's CPU does the work
        execution.mark()                 sleeps until the emulated GPU would have finished it
        ... compute block 1 ...
                                         leaving sleeps until the emulated end; the timeline books the joules

All times are the injected Clock's. The device never answers earlier than emulated; where the host is too slow for
that, the excess is counted in `overrun_s`, and a slower clock (`ScaledClock`) is the remedy.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState, Execution, Lease
from joulecut_core.emulation_rules import check_seed
from joulecut_core.errors import ClockError, DeviceError, LeaseError
from joulecut_core.figures import FigureKind
from joulecut_core.timing import Clock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.device_file import DeviceFile
from joulecut_runtime.devices.pacer import Outcome, Pacer

LAWS_VERSION = 1
"""Raised when the same device file begins to mean other times or watts."""


EMULATED_BACKEND = "emulated"
"""What `DeviceInfo.backend` says of these devices."""


class EmulatedDevice:
    """A core Device built from a device file. Deterministic for one seed on a ManualClock; figures are EMULATED.

    Safe to call from several threads: one execution at a time, others wait for it. Raises ConfigError for a
    negative seed.
    """

    def __init__(self, file: DeviceFile, *, clock: Clock, seed: int = 0) -> None:
        check_seed(seed)
        self._table = file.clock_table
        self._pacer = Pacer(file, clock=clock, seed=seed)
        self._info = DeviceInfo(
            name=file.name,
            backend=EMULATED_BACKEND,
            uid=f"emulated-{file.name}-{file.digest}-{seed}",
            driver=f"emulated laws {LAWS_VERSION}, file {file.digest}",
            power_scope=file.power_scope,
            figures=FigureKind.EMULATED,
            meter_period_s=file.meter.period_s,
            notes=file.provenance(),
        )
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._running_thread: int | None = None
        self._lease: EmulatedLease | None = None
        self._closed = False
        self._overrun_s = 0.0

    @property
    def info(self) -> DeviceInfo:
        """Who this is; `notes` tells for each table of the device file where its values come from."""
        return self._info

    @property
    def clock_table(self) -> ClockTable:
        """The operating points of the device file."""
        return self._table

    @property
    def overrun_s(self) -> float:
        """Seconds by which executions have ended later than emulated because the host was too slow."""
        with self._lock:
            return self._overrun_s

    @property
    def exact_energy_j(self) -> float:
        """Joules since the start without the meter's period, quantum and noise: what only an emulator can tell."""
        return self._pacer.exact_energy_j

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        """Hold `point` until the context ends, then leave the clocks to the stock governor again.

        Entering raises ClockError where the point is not on the table, LeaseError where a lease is held,
        DeviceError where the device is closed.
        """
        return self._leased(point)

    def state(self) -> DeviceState:
        """A reading of clocks, mean power of the last meter period, temperature, throttling and the energy counter."""
        return self._pacer.state()

    def execution(self, workload: Workload) -> AbstractContextManager[Execution]:
        """Pace and meter the computation that the caller runs inside the context.

        Entering waits while another thread's execution runs. Raises DeviceError where this thread is inside one
        already or the device is closed.
        """
        return self._executed(workload)

    def set_temperature_c(self, temperature_c: float) -> None:
        """Heat or cool the device; at the limit of its file it throttles."""
        self._pacer.set_temperature_c(temperature_c)

    def throttle_to(self, core_mhz: float | None) -> None:
        """Keep the core clock at or below a value, as failing hardware does; None ends it."""
        self._pacer.force_ceiling(core_mhz)

    def close(self) -> None:
        """Take the clocks back from whoever holds them and accept no more work. Safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.end()
            self._pacer.release()

    @contextmanager
    def _leased(self, point: OperatingPoint) -> Iterator[Lease]:
        found = self._table.find(point)
        lease = EmulatedLease(self._table, self._pacer, found)
        with self._lock:
            self._check_open()
            if self._lease is not None:
                raise LeaseError(
                    f"the clocks of {self._info.name} are leased at {self._lease.requested}; "
                    f"expected them free for {found}: end that lease first"
                )
            self._lease = lease
        try:
            self._pacer.hold(found)
            yield lease
        finally:
            with self._lock:
                mine = self._lease is lease
                if mine:
                    self._lease = None
            lease.end()
            if mine:
                self._pacer.release()

    @contextmanager
    def _executed(self, workload: Workload) -> Iterator[Execution]:
        if self._running_thread == threading.get_ident():
            raise DeviceError(f"{self._info.name} runs an execution of this thread already; leave that one first")
        with self._turn:
            with self._lock:
                self._check_open()
            self._running_thread = threading.get_ident()
            try:
                yield from self._paced(workload)
            finally:
                self._running_thread = None

    def _paced(self, workload: Workload) -> Iterator[Execution]:
        execution = EmulatedExecution(self._info.name, self._pacer, workload)
        try:
            yield execution
        except BaseException:
            execution.abandon()
            raise
        late_s = execution.finish()
        with self._lock:
            self._overrun_s += late_s

    def _check_open(self) -> None:
        if self._closed:
            raise DeviceError(f"{self._info.name} is closed; open it again")


class EmulatedLease:
    """Clocks of an emulated device, held. Ends with its context or when the device is closed."""

    def __init__(self, table: ClockTable, pacer: Pacer, point: OperatingPoint) -> None:
        self._table = table
        self._pacer = pacer
        self._requested = point
        self._ended = False

    @property
    def requested(self) -> OperatingPoint:
        """The operating point last asked for."""
        return self._requested

    def achieved(self) -> OperatingPoint:
        """The clocks in force: lower than requested where the device throttles. Raises ClockError once it has ended."""
        self._check_held()
        return self._pacer.state().point

    def move(self, point: OperatingPoint) -> OperatingPoint:
        """Hold another point; returns what was achieved once it has settled.

        Raises ClockError where the point is not on the table or the lease has ended.
        """
        self._check_held()
        found = self._table.find(point)
        self._requested = found
        self._pacer.hold(found)
        return self.achieved()

    def end(self) -> None:
        """Accept no more moves."""
        self._ended = True

    def _check_held(self) -> None:
        if self._ended:
            raise ClockError(f"the lease at {self._requested} has ended; take a new one")


class EmulatedExecution:
    """One run on an emulated device. `elapsed_s` and `energy_j` raise DeviceError until the context has ended."""

    def __init__(self, device: str, pacer: Pacer, workload: Workload) -> None:
        self._device = device
        self._pacer = pacer
        self._run = pacer.begin(workload)
        self._marks_s: list[float] = []
        self._outcome: Outcome | None = None

    def mark(self) -> None:
        """The next block has just been computed; returns when the emulated device has finished it too.

        Raises DeviceError where the workload has no such block.
        """
        index = len(self._marks_s)
        if index >= len(self._run):
            raise DeviceError(
                f"mark {index + 1} of a workload of {len(self._run)} blocks on {self._device}; expected one per block"
            )
        self._marks_s.append(self._pacer.wait_for_block(self._run, index) - self._run.start_s)

    @property
    def elapsed_s(self) -> float:
        """Seconds from entry to the emulated end, or to the host's where that was later."""
        return self._ended().elapsed_s

    @property
    def marks_s(self) -> tuple[float, ...]:
        """Seconds from entry to the end of each marked block."""
        return tuple(self._marks_s)

    @property
    def energy_j(self) -> float:
        """Joules from entry to exit, with the meter's noise: the emulator can tell so short a window apart."""
        return self._ended().energy_j

    def finish(self) -> float:
        """Wait for the emulated end; returns by how many seconds the host was later."""
        self._outcome = self._pacer.finish(self._run)
        return self._outcome.late_s

    def abandon(self) -> None:
        """End here: the computation failed."""
        self._outcome = self._pacer.abandon(self._run)

    def _ended(self) -> Outcome:
        if self._outcome is None:
            raise DeviceError(f"an execution on {self._device} has not ended; read it after its context")
        return self._outcome
