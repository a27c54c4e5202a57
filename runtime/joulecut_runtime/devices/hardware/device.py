"""A real device: read through a probe, its clocks held through an authority, its work timed by a clock.

    with device.lease(point), device.execution(workload) as execution:
        ... launch block 0 ...
        execution.mark()                 waits until the device has finished it

Nothing here knows whose hardware it is. Seconds are the injected Clock's, taken with the device synchronised.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.devices import DeviceInfo, DeviceState, Execution, Lease
from joulecut_core.errors import DeviceError, LeaseError
from joulecut_core.timing import Clock
from joulecut_core.workloads import Workload
from joulecut_runtime.devices.hardware.authority import ClockAuthority
from joulecut_runtime.devices.hardware.execution import METERED_PERIODS, HardwareExecution
from joulecut_runtime.devices.hardware.failing_meter import FailingMeter
from joulecut_runtime.devices.hardware.lease import HardwareLease
from joulecut_runtime.devices.hardware.probe import Capabilities, Probe, WorkListener
from joulecut_runtime.devices.hardware.settling import Settled, SettlePlan, read_back, settle


class HardwareDevice:
    """A core Device over a Probe and a ClockAuthority, both of which it closes.

    Safe to call from several threads: one execution at a time, others wait for it.
    """

    def __init__(
        self,
        probe: Probe,
        authority: ClockAuthority,
        *,
        clock: Clock,
        synchronise: Callable[[], None],
        settling: SettlePlan | None = None,
        holder: str = "joulecut",
    ) -> None:
        """`synchronise` returns once the device has done all that was launched; `holder` names us to other lessees."""
        self._probe = probe
        self._authority = authority
        self._clock = clock
        self._synchronise = synchronise
        self._settling = settling or SettlePlan()
        self._holder = holder
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._running_thread: int | None = None
        self._lease: HardwareLease | None = None
        self._closed = False
        self._settled: Settled | None = None
        self._has_long_runs = False
        self._failing = FailingMeter()

    @property
    def info(self) -> DeviceInfo:
        """Who this is; never changes."""
        return self._probe.info

    @property
    def capabilities(self) -> Capabilities:
        """What can be set and metered here."""
        return self._probe.capabilities

    @property
    def clock_table(self) -> ClockTable:
        """The operating points that can be leased now; a power mode or a driver may change them."""
        return self._probe.clock_table

    @property
    def settled(self) -> Settled | None:
        """How the latest wait for a clock ended; None before the first."""
        return self._settled

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        """Hold `point` until the context ends, then restore what was there before.

        Entering raises ClockError where the point is not on the table or not allowed, LeaseError where a lease is
        held or this user may not set clocks, DeviceError where the device is closed or has vanished.
        """
        return self._leased(point)

    def state(self) -> DeviceState:
        """A reading of clocks, power, temperature, throttling and energy.

        Raises DeviceError where the device is closed or has vanished.
        """
        self._check_open()
        return self._probe.read()

    def execution(self, workload: Workload) -> AbstractContextManager[Execution]:
        """Time the computation that the caller runs inside the context, and meter it where it is long enough.

        Entering waits while another thread's execution runs. Raises DeviceError where this thread is inside one
        already, and where the device is closed or fails as it computes: the run is then void, and the next one is
        tried as if nothing had been. A run that has computed stands, without joules where the meter cannot be read.
        """
        del workload
        return self._executed()

    def close(self) -> None:
        """Restore the clocks, whoever holds them, and let go of the hardware. Safe to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            lease, self._lease = self._lease, None
        try:
            if lease is not None:
                lease.end()
        finally:
            try:
                self._authority.close()
            finally:
                self._probe.close()

    @contextmanager
    def _leased(self, point: OperatingPoint) -> Iterator[Lease]:
        self._check_open()
        found = self._probe.clock_table.find(point)
        lease = HardwareLease(self._probe, found, settle=self._settle, read_back=self._read_back)
        with self._lock:
            self._refuse_closed()
            if self._lease is not None:
                raise LeaseError(
                    f"the clocks of {self.info.name} are leased at {self._lease.requested}; "
                    f"expected them free for {found}: end that lease first"
                )
            self._lease = lease
        try:
            lease.begin(self._authority, holder=self._holder)
            yield lease
        finally:
            with self._lock:
                if self._lease is lease:
                    self._lease = None
            lease.end()

    def _settle(self, point: OperatingPoint) -> OperatingPoint:
        self._settled = settle(self._probe, point, clock=self._clock, plan=self._settling)
        return self._settled.achieved

    def _read_back(self) -> OperatingPoint:
        return read_back(self._probe, self._settling)

    @contextmanager
    def _executed(self) -> Iterator[Execution]:
        if self._running_thread == threading.get_ident():
            raise DeviceError(f"{self.info.name} runs an execution of this thread already; leave that one first")
        with self._turn:
            self._check_open()
            self._running_thread = threading.get_ident()
            try:
                with self._told_of_work():
                    yield from self._timed()
            finally:
                self._running_thread = None

    @contextmanager
    def _told_of_work(self) -> Iterator[None]:
        if not isinstance(self._probe, WorkListener):
            yield
            return
        self._probe.work_begins()
        try:
            yield
        finally:
            self._probe.work_ends()

    def _timed(self) -> Iterator[Execution]:
        # Reading the meter costs what a small part of a network does, so it is read only where runs are long enough
        # to be told apart by it: from the second such run on.
        begin = self._failing.reading(self._probe.read) if self._has_long_runs else None
        execution = HardwareExecution(self.info.name, clock=self._clock, synchronise=self._wait_for_work)
        try:
            yield execution
        except BaseException:
            execution.abandon()
            raise
        elapsed_s, period_s = execution.finish(), self.info.meter_period_s
        if period_s is not None and elapsed_s >= METERED_PERIODS * period_s:
            self._has_long_runs = True
            end = None if begin is None else self._failing.reading(self._probe.read)
            if begin is not None and end is not None:
                execution.meter(begin, end, period_s)

    def _wait_for_work(self) -> None:
        try:
            self._synchronise()
        except RuntimeError as error:  # what torch raises where a GPU fails
            raise DeviceError(
                f"{self.info.name} failed while it computed: {error}; "
                "look into the driver's log, and start the agent again where every request fails"
            ) from error

    def _check_open(self) -> None:
        with self._lock:
            self._refuse_closed()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise DeviceError(f"{self.info.name} is closed; open it again")
