"""What applications saw: every request that was sent, every answer that came, and when each edge had which plan.

    begin ──▶ operation (edge, request id, picture, sent) ──▶ answered | failed ──▶ answers, in order of arrival
    sighting ──▶ edge, life, epoch, cut, codec at a time

Times are those of one clock: the host's that runs the applications.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from joulecut_core.ledgers import RequestLedger
from joulecut_core.plans import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request of one application. `life` counts the starts of its edge; `picture` indexes the inputs."""

    number: int
    edge: str
    life: int
    request_id: str
    picture: int
    sent_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: float32 outputs and the ledger."""

    at_s: float
    outputs: bytes
    ledger: RequestLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What came back instead of an answer."""

    at_s: float
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A plan that an edge was seen to have in force: somewhen after it was `asked_s`, and before it was told `at_s`."""

    asked_s: float
    at_s: float
    edge: str
    life: int
    epoch: int
    cut: int
    codec: str


@dataclass(slots=True)
class History:
    """Everything that happened, in order. `now_s` is the clock of every entry."""

    now_s: Callable[[], float]
    operations: list[Operation] = field(default_factory=list)
    answers: dict[int, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[int, list[Failure]] = field(default_factory=lambda: defaultdict(list))
    sightings: list[Sighting] = field(default_factory=list)
    planned: set[tuple[int, int, str]] = field(default_factory=set)
    """Epoch, cut and codec of plans that servers gave out: some are in force too briefly to be seen."""

    def forget(self) -> None:
        """Begin anew; nothing may be under way."""
        for kept in (self.operations, self.answers, self.failures, self.sightings, self.planned):
            kept.clear()

    def begin(self, *, edge: str, life: int, request_id: str, picture: int) -> Operation:
        """A request that is sent now."""
        operation = Operation(
            number=len(self.operations),
            edge=edge,
            life=life,
            request_id=request_id,
            picture=picture,
            sent_s=self.now_s(),
        )
        self.operations.append(operation)
        return operation

    def answer(self, operation: Operation, outputs: bytes, ledger: RequestLedger) -> None:
        """An answer that has just come."""
        self.answers[operation.number].append(Answer(at_s=self.now_s(), outputs=outputs, ledger=ledger))

    def fail(self, operation: Operation, error: str) -> None:
        """An error that has just come."""
        self.failures[operation.number].append(Failure(at_s=self.now_s(), error=error))

    def see(self, edge: str, life: int, assignment: Assignment, *, asked_s: float) -> None:
        """An edge tells which plan has been in force since it was asked."""
        self.sightings.append(
            Sighting(
                asked_s=asked_s,
                at_s=self.now_s(),
                edge=edge,
                life=life,
                epoch=assignment.epoch,
                cut=assignment.cut,
                codec=assignment.codec,
            )
        )

    def late(self, deadline_s: float) -> list[Operation]:
        """Answered, but not within `deadline_s` of being sent."""
        return [
            operation
            for operation in self.operations
            if any(answer.at_s - operation.sent_s > deadline_s for answer in self.answers.get(operation.number, ()))
        ]
