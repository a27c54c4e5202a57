"""One batch from its first unit to its answers, on the device's thread.

    decode ─▶ stretch ─▶ stretch ─▶ answers       a stretch ends where the clock changes, or where others may join
                 ▲           ▲
              joined      joined

Each stretch's joules are shared by those who ran in it, in equal parts; each request's decoding is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from joulecut_core.errors import ContractError
from joulecut_core.figures import FigureKind
from joulecut_core.serving import Launch
from joulecut_core.timing import Clock
from joulecut_runtime.execution.failed_computation import computed
from joulecut_runtime.execution.part_runner import Stage
from joulecut_server.serving.lane import NetworkLane
from joulecut_server.serving.ticket import ServedRequest, Ticket

Hold = Callable[[int, int], None]
"""Makes ready for a unit, with so many requests in the batch: its clock is held from then on."""
Join = Callable[[int, int], list[Ticket]]
"""Who joins at a cut, with places for so many taken."""


@dataclass(slots=True, eq=False)
class _Member:
    ticket: Ticket
    tensors: tuple[Tensor, ...]
    joined_s: float
    decode: Stage
    tail_j: float = 0.0


@dataclass(slots=True)
class BatchRun:
    """Runs one launch. `running` holds those that are in it; what `failed` holds was malformed and ran nothing.

    `joined`: who has left the line for it on the way, decoded or not: whoever ends it early owes them an answer.
    """

    lane: NetworkLane
    launch: Launch
    clock: Clock
    hold: Hold
    join: Join
    start_s: float = 0.0
    energy_j: float = 0.0
    measured: bool = True
    """Whether all joules were metered; else the service table's stand in for those that were not."""
    running: list[_Member] = field(default_factory=list)
    failed: list[tuple[Ticket, ContractError]] = field(default_factory=list)
    joined: list[Ticket] = field(default_factory=list)

    def run(self, tickets: Sequence[Ticket]) -> None:
        """Compute everything. Raises DeviceError where the device fails, FailedComputationError where torch does."""
        self.start_s = self.clock.now_s()
        units, last = self.lane.units, self.lane.units.last
        later = sorted(tickets, key=lambda ticket: ticket.cut)
        cut = later[0].cut
        self.hold(units.unit_of(cut), len(later))
        self._enter([ticket for ticket in later if ticket.cut == cut])
        while cut < last and (self.running or any(ticket.cut > cut for ticket in later)):
            stop = min(self._stops(cut, later), default=last)
            if self.running:
                self._stretch(cut, stop)
            cut = stop
            if cut < last:
                company = self.join(cut, len(self.running) + sum(ticket.cut >= cut for ticket in later))
                self.joined += company
                members = len(self.running) + len(company) + sum(ticket.cut >= cut for ticket in later)
                self.hold(units.unit_of(cut), members)
                self._enter([*(ticket for ticket in later if ticket.cut == cut), *company])

    def answers(self, wait_j: float | None, figures: FigureKind) -> list[tuple[Ticket, ServedRequest]]:
        """Each request's answer; `wait_j` is shared in equal parts."""
        end_s = self.clock.now_s()
        variant = self.launch.variant
        share_j = None if wait_j is None else wait_j / len(self.running)
        return [
            (
                member.ticket,
                ServedRequest(
                    outputs=member.tensors,
                    queue_s=max(member.joined_s - member.ticket.entered_s, 0.0),
                    decode_s=member.decode.time_s,
                    tail_s=max(end_s - member.joined_s - member.decode.time_s, 0.0),
                    energy_j=member.tail_j + (member.decode.energy_j or 0.0),
                    wait_j=share_j,
                    figures=figures if self.measured else FigureKind.ESTIMATED,
                    batch=len(self.running),
                    variant=self.lane.table.variants[variant].name if variant else "",
                ),
            )
            for member in self.running
        ]

    def _stops(self, cut: int, later: Sequence[Ticket]) -> set[int]:
        """The cuts behind this one at which something may change."""
        points, starts = self.launch.points, self.lane.units.starts
        changing = {start for unit, start in enumerate(starts) if unit and points[unit] != points[unit - 1]}
        return {stop for stop in changing | self.lane.runner.entries | {ticket.cut for ticket in later} if stop > cut}

    def _enter(self, tickets: Sequence[Ticket]) -> None:
        if not tickets:
            return
        joined_s = self.clock.now_s()
        payloads = [(ticket.cut, ticket.codec, ticket.frames) for ticket in tickets]
        decoded = computed(lambda: self.lane.runner.decode(payloads))
        for ticket, (tensors, stage) in zip(tickets, decoded, strict=True):
            if isinstance(tensors, ContractError):
                # In nobody's ledger: its joules are left to what is drawn between batches, which the others share.
                self.failed.append((ticket, tensors))
            else:
                self._book(stage.energy_j)
                self.running.append(_Member(ticket, tensors, joined_s, stage))

    def _stretch(self, first: int, last: int) -> None:
        runner, running = self.lane.runner, self.running
        tensors_of_all, variant = [member.tensors for member in running], self.launch.variant
        outputs, stage = computed(lambda: runner.stretch(first, last, tensors_of_all, variant))
        energy_j = self._estimate_j(first, last) if stage.energy_j is None else stage.energy_j
        self.measured = self.measured and stage.energy_j is not None
        self.energy_j += energy_j
        for member, tensors in zip(running, outputs, strict=True):
            member.tensors = tensors
            member.tail_j += energy_j / len(running)

    def _book(self, energy_j: float | None) -> None:
        self.energy_j += energy_j or 0.0
        self.measured = self.measured and energy_j is not None

    def _estimate_j(self, first: int, last: int) -> float:
        """By the service table; a unit that is only partly run counts whole."""
        units, points = self.lane.units, self.launch.points
        table = self.lane.costs.unit_j[self.launch.variant][len(self.running) - 1]
        return sum(table[unit][points[unit]] for unit in range(units.unit_of(first), units.unit_of(last - 1) + 1))
