"""Compares what answered requests took with what their plan said, and tells when that has drifted.

Nothing is done about it here but a line in the log, a count and a signal; `corrections` is what the next plan
needs to know.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import Device
from joulecut_core.errors import JoulecutError
from joulecut_core.ledgers import RequestLedger
from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Breakdown
from joulecut_edge.peers.remote import Remote
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_planner.drift import Conditions, Corrections, DriftCause, DriftMonitor, Shift, Verdict, WatchedPart
from joulecut_proto.planning_messages import StageFactors
from joulecut_runtime.execution.device_reading import DeviceReading

_LOG = logging.getLogger(__name__)

_SERVERS = frozenset({WatchedPart.DECODE, WatchedPart.TAIL})
_SAID_S = 60.0
"""Wall seconds between two lines of one part and cause: on a shared host levels shift every second, for months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftCounters:
    """Alarms since the start, by cause; a prediction that holds again is none."""

    throttle: int = 0
    model: int = 0
    link: int = 0


@dataclass(frozen=True, slots=True)
class _Placement:
    """What predictions belong to: plans that differ in nothing else are one to a monitor."""

    cut: int
    codec: str
    variant: str
    edge_clock: OperatingPoint | None
    server_clock: OperatingPoint | None
    factors: StageFactors
    link: LinkEstimate | None
    server: str

    @classmethod
    def of(cls, active: ActivePlan) -> _Placement:
        chosen = active.assignment
        clocks = (chosen.edge_clock, chosen.server_clock)
        return cls(chosen.cut, chosen.codec, chosen.variant, *clocks, active.factors, active.link, active.server)


class DriftWatch:
    """Fed by an edge's session after each answer; keeps no answer waiting."""

    def __init__(self, device: Device) -> None:
        self.counters = DriftCounters()
        self.verdicts: Mapping[tuple[WatchedPart, DriftCause], int] = {}
        self.lasting = asyncio.Event()
        """Set when tables or link were found wrong: the next plan can be a better one."""
        self.link_is_followed = False
        """Whether somebody else changes plans with the link: its drift is then only counted."""
        self._said_s: dict[tuple[WatchedPart, DriftCause], float] = {}
        self._said: set[WatchedPart] = set()
        """Whose drift the log told of, and not yet of its end."""
        self._reading = DeviceReading(device)
        self._monitor = DriftMonitor()
        self._placement: _Placement | None = None
        self._judging: set[asyncio.Task[None]] = set()

    @property
    def corrections(self) -> Corrections:
        """What the requests under the present choice say of the tables it was planned with."""
        placement = self._placement
        if placement is None:
            return Corrections()
        return self._monitor.corrections(placement.edge_clock, placement.server_clock)

    @property
    def levels(self) -> Mapping[WatchedPart, float]:
        """Measured over predicted seconds of each part watched under the present choice. Safe from any thread."""
        return self._monitor.levels

    def corrections_of(self, active: ActivePlan) -> Corrections:
        """What the requests under this plan say of its tables; nothing where it has answered none yet."""
        return self.corrections if _Placement.of(active) == self._placement else Corrections()

    def watch(self, active: ActivePlan, ledger: RequestLedger, link_s: float | None, remote: Remote | None) -> None:
        """Take one answered request. `link_s`: what its bytes should have taken on the link, both ways."""
        breakdown = active.plan.breakdown
        if ledger.fallback or breakdown is None:
            return
        placement = _Placement.of(active)
        if placement != self._placement:
            self._placement, self._monitor = placement, DriftMonitor()
        for part, predicted_s, measured_s in _stages(breakdown, ledger, link_s):
            shift = self._monitor.observe(part, predicted_s, measured_s)
            if shift is not None:
                judging = asyncio.create_task(self._judge(self._monitor, part, shift, active.assignment, remote))
                self._judging.add(judging)
                judging.add_done_callback(self._judging.discard)

    async def settle(self) -> None:
        """Wait until everything that drifted so far has its verdict."""
        await asyncio.gather(*self._judging, return_exceptions=True)

    async def _judge(
        self, monitor: DriftMonitor, part: WatchedPart, shift: Shift, assignment: Assignment, remote: Remote | None
    ) -> None:
        verdict = monitor.judge(part, shift, await self._conditions(part, assignment, remote))
        kind = (verdict.part, verdict.cause)
        # Another mapping each time: whoever reads it in another thread sees one that does not change.
        self.verdicts = {**self.verdicts, kind: self.verdicts.get(kind, 0) + 1}
        if verdict.cause is DriftCause.RECOVERED:
            _LOG.log(self._level(verdict), "drift over: %s", verdict)
            return
        _LOG.log(self._level(verdict), "drift: %s", verdict)
        was = self.counters
        if verdict.cause is DriftCause.THROTTLED:
            self.counters = replace(was, throttle=was.throttle + 1)
            return
        if verdict.cause is DriftCause.LINK:
            self.counters = replace(was, link=was.link + 1)
            if self.link_is_followed:
                return
        else:
            self.counters = replace(was, model=was.model + 1)
        self.lasting.set()

    def _level(self, verdict: Verdict) -> int:
        """The level of a line: less where one of its kind has just been said, and for most of those about a link."""
        part, kind = verdict.part, (verdict.part, verdict.cause)
        if verdict.cause is DriftCause.RECOVERED:
            was_said = part in self._said
            self._said.discard(part)
            return logging.INFO if was_said and part is not WatchedPart.LINK else logging.DEBUG
        now_s = asyncio.get_running_loop().time()
        if (part is WatchedPart.LINK and self.link_is_followed) or now_s < self._said_s.get(kind, -math.inf) + _SAID_S:
            return logging.DEBUG
        self._said_s[kind] = now_s
        self._said.add(part)
        return logging.WARNING

    async def _conditions(self, part: WatchedPart, assignment: Assignment, remote: Remote | None) -> Conditions | None:
        """How the part's device runs now, soon after; None where it cannot be asked."""
        try:
            if part is WatchedPart.LINK or (part in _SERVERS and remote is None):
                return None
            if part in _SERVERS and remote is not None:
                state, requested = await remote.device_state(), assignment.server_clock
            else:
                state, requested = await self._reading.soon(), assignment.edge_clock
        except JoulecutError as error:
            _LOG.debug("drift: no reading of the device behind %s: %s", part.value, error)
            return None
        return Conditions(requested=requested, achieved=state.point, throttle=state.throttle)


def _stages(
    breakdown: Breakdown, ledger: RequestLedger, link_s: float | None
) -> tuple[tuple[WatchedPart, float, float], ...]:
    """Predicted and measured seconds of each stage; those that a request did not have are 0."""
    seconds = ledger.seconds
    return (
        (WatchedPart.HEAD, breakdown.t_edge, seconds.head),
        (WatchedPart.ENCODE, breakdown.encode_s, seconds.encode),
        (WatchedPart.LINK, 0.0 if link_s is None else link_s, seconds.up + seconds.down),
        (WatchedPart.DECODE, breakdown.decode_s, seconds.decode),
        (WatchedPart.TAIL, breakdown.t_server, seconds.tail),
    )
