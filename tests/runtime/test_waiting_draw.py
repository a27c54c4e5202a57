"""Waiting watts are what is subtracted from others, so they must be those of the same clock, held and warmed up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import DeviceState, Execution, Lease
from joulecut_core.workloads import Workload
from tests.runtime.bench import Bench


class _Witness(Bench):
    """Notes every reading taken while nothing runs: which clock is held, and how often it has computed there."""

    def __init__(self) -> None:
        super().__init__()
        self.held: OperatingPoint | None = None
        self.runs = 0
        self.idle: list[tuple[OperatingPoint | None, int]] = []
        self._ended_s = 0.0

    def lease(self, point: OperatingPoint) -> AbstractContextManager[Lease]:
        return self._noted(point)

    def state(self) -> DeviceState:
        state = super().state()
        if self.clock.now_s() > self._ended_s + 0.002:
            self.idle.append((self.held, self.runs))
        return state

    def execution(self, workload: Workload) -> AbstractContextManager[Execution]:
        return self._counted(workload)

    @contextmanager
    def _noted(self, point: OperatingPoint) -> Iterator[Lease]:
        with self.emulated.lease(point) as lease:
            self.held, self.runs = point, 0
            yield lease
        self.held = None

    @contextmanager
    def _counted(self, workload: Workload) -> Iterator[Execution]:
        with self.emulated.execution(workload) as execution:
            yield execution
        self.runs += 1
        self._ended_s = self.clock.now_s()


def test_waiting_is_metered_at_the_held_clock_after_work() -> None:
    """Never without a lease, and never before the network has run at that clock: a bare idle draws less."""
    bench = _Witness()
    profile = bench.profile()
    assert bench.idle
    assert {point for point, _ in bench.idle} == {point.requested for point in profile.points}
    assert min(runs for _, runs in bench.idle) >= 10


def test_profiles_say_how_sure_their_watts_are() -> None:
    """Both draws of each point carry a standard uncertainty, small beside them on a steady board."""
    for point in Bench().profile().points:
        assert point.busy_std_w is not None
        assert point.wait_std_w is not None
        assert 0 <= point.busy_std_w < 0.02 * point.busy_w
        assert 0 <= point.wait_std_w < 0.02 * point.wait_w
