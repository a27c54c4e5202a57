"""What an edge stands on: the plan in force, the server that gave it, and the clock held for it.

Changes are made in the device's worker, so that they fall between two requests; requests take what is in force there.
They do not wait for those that wait: under another plan these may be answered sooner.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from joulecut_core.clocks import OperatingPoint
from joulecut_core.timing import Clock
from joulecut_edge.peers.remote import Remote
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.requests.haste import Haste
from joulecut_edge.requests.patience import patience_s
from joulecut_edge.requests.recess import Recess
from joulecut_runtime.execution.clock_holder import ClockHolder, LeaseCounts
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.leaving import give_back
from joulecut_runtime.execution.part_runner import PartRunner

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

_TRY_S = 1.0
"""For how long one request tries a server that answered none in time, where no deadline says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A plan and its server; they change together, since an epoch means something to the server that gave it only."""

    active: ActivePlan
    remote: Remote | None


class Footing:
    """Changed from the event loop, in the worker's turn; asked by requests, in the worker."""

    def __init__(self, runner: PartRunner, worker: DeviceWorker, clock: Clock, local: ActivePlan) -> None:
        self._runner = runner
        self._worker = worker
        self._clock = clock
        self._holder = ClockHolder(runner.device)
        self._at_home = False
        self._haste = Haste()
        self.local = local
        """The plan for an edge without a server."""
        self.force = InForce(active=local, remote=None)
        """What the next request is answered under; replaced whole."""
        self.recess = Recess()

    @property
    def held(self) -> OperatingPoint | None:
        """The operating point asked for last; None where the device's governor sets the clocks."""
        return self._holder.held

    @property
    def leases(self) -> LeaseCounts:
        """How the leases of its clocks have fared."""
        return self._holder.leases

    @property
    def is_hasty(self) -> bool:
        """Whether requests run at the fastest clock in place of the plan's. May be asked from any thread."""
        return self._haste.is_on

    def verify_clocks(self) -> None:
        """Take clocks again that were lost meanwhile; called from the worker, between two requests."""
        if self._haste.rest(self._clock.now_s()):
            self._calm_down()
        self._holder.verify()

    async def switch(self, active: ActivePlan, remote: Remote | None) -> None:
        """Put a plan in force at the next request boundary. Raises ClockError where its clock cannot be held.

        A plan that stays at home comes into force even where the lease for its clock is refused, as long as the board
        has that clock: the board's governor then sets another. Plans stay at home because the link is too slow, and
        refusing this one would make it no faster.
        """
        clock = active.assignment.edge_clock

        def change() -> None:
            self._runner.prepare(active.assignment.cut, head=True)
            if active.offloads or clock is None:
                self._holder.hold(clock)
            else:
                self._holder.hold_if_possible(self._runner.device.clock_table.find(clock))
            if remote is not self.force.remote:
                self.recess.end()
            self.force, self._at_home = InForce(active=active, remote=remote), False

        await self._worker.run(change, ahead=True)

    async def replace_remote(self, old: Remote, new: Remote) -> None:
        """Send further requests over another connection to the same server, under the same plan."""

        def change() -> None:
            if self.force.remote is old:
                self.force = InForce(active=self.force.active, remote=new)

        await self._worker.run(change, ahead=True)

    async def go_local(self, only_from: Remote | None = None) -> bool:
        """Carry on alone, under the plan made for that; under the board's governor where its clock is refused.

        `only_from`: only where this server's plan is in force by then. Returns whether it was so.
        """

        def change() -> bool:
            if only_from is not None and self.force.remote is not only_from:
                return False
            # Before anything that a sick device can refuse: whoever is asked from now on, it is not the lost server.
            self.force, self._at_home = InForce(active=self.local, remote=None), False
            self._runner.prepare(self.local.assignment.cut, head=True)
            self._holder.hold_if_possible(self.local.assignment.edge_clock)
            return True

        return (await self._worker.run(change, ahead=True)).result

    async def give_clocks_back(self) -> None:
        """Restore the device's clocks after what runs on it. Nothing runs after that; raises as `give_back` does."""
        await give_back(self._holder.give_back, self._worker, self._runner.device)

    def stays_home(self, active: ActivePlan) -> bool:
        """Whether the server is to be left alone for now; where that lasts, under the local plan's clock."""
        recess = not self.recess.admits(self._clock.now_s(), try_s=active.deadline_s or _TRY_S)
        if recess is not self._at_home and (self._at_home or self.recess.is_long):
            self._at_home = recess
            self._holder.hold_if_possible((self.local if recess else active).assignment.edge_clock)
        return recess

    def hasten(self, active: ActivePlan, *, waited_s: float, deadline_s: float | None) -> None:
        """Before a first part that has waited so long: take the fastest clock while such waits make requests late."""
        planned = active.plan
        limit_s = patience_s(active) if deadline_s is None else deadline_s
        # One request each of a few applications at once is no line.
        turn_s = 0.0 if planned.breakdown is None else planned.breakdown.t_edge
        spare_s = max(limit_s - (planned.latency_s or 0.0), turn_s)
        if self._haste.turn(self._clock.now_s(), waited_s=waited_s, spare_s=spare_s):
            if not self._haste.is_on:
                self._calm_down()
            else:
                text = "requests wait so long for each other that they are late: at the fastest clock for now"
                _LOG.warning("%s; this one waited %.3g s of the %.3g s that it had to spare", text, waited_s, spare_s)
        tail = self.local.local_tail
        if self._haste.is_on and tail is not None:
            quickest = tail.quickest(self._holder.held)
            if quickest is not None:
                self._holder.hold_if_possible(quickest)

    def hurrying(self, active: ActivePlan, *, until_s: float | None, work: Callable[[], T]) -> T:
        """Run the rest of a request of this plan; at the fastest clock where only that ends it in time."""
        tail = active.local_tail
        hurried = None
        if until_s is not None and tail is not None:
            hurried = tail.hurried(self._holder.held, left_s=until_s - self._clock.now_s())
        if hurried is None:
            return work()
        self._holder.hold_if_possible(hurried)
        try:
            return work()
        finally:
            self._hold_planned()

    def _calm_down(self) -> None:
        _LOG.info("requests no longer wait so long: at the plan's clock again")
        self._hold_planned()

    def _hold_planned(self) -> None:
        planned = self.local if self._at_home else self.force.active
        self._holder.hold_if_possible(planned.assignment.edge_clock)
