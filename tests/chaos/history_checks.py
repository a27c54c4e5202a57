"""Is a history one that joulecut promises? Each request answered once, rightly, under a plan its edge had, truly told.

What an edge answered cannot be held against it once it was killed: requests that were under way at a kill may fail,
and only those (`excused`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from joulecut_core.ledgers import RequestLedger
from tests.chaos.history import Answer, History, Operation, Sighting

TOLERANCE = 1e-5
"""Largest deviation of a lossless split from the unsplit network."""
_MOST_ATTEMPTS = 2


class Kind(str, Enum):
    """What is wrong."""

    LOST = "lost"
    TWICE = "twice"
    WRONG = "wrong"
    STALE = "stale"
    UNTRUE = "untrue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken promise, and the evidence."""

    kind: Kind
    operation: Operation
    evidence: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.operation.edge} {self.operation.request_id}: {self.evidence}"


def violations(
    history: History,
    expected: Sequence[Sequence[float]],
    *,
    last_cut: int,
    tolerance: Mapping[str, float] | None = None,
    excused: Callable[[Operation], bool] | None = None,
) -> list[Violation]:
    """Every broken promise of a history.

    `expected`: the unsplit network's outputs for each picture. `tolerance`: by codec, for those that lose something.
    """
    wanted = [np.asarray(outputs, dtype=np.float32).ravel() for outputs in expected]
    plans = _Plans(history)
    found: list[Violation] = []

    def note(kind: Kind, operation: Operation, evidence: str) -> None:
        found.append(Violation(kind=kind, operation=operation, evidence=evidence))

    for operation in history.operations:
        answers, failures = history.answers.get(operation.number, []), history.failures.get(operation.number, [])
        if not answers and (excused is None or not excused(operation)):
            note(Kind.LOST, operation, failures[0].error if failures else "no answer and no error")
        if len(answers) > 1 or (answers and failures):
            note(Kind.TWICE, operation, f"{len(answers)} answers, {len(failures)} errors")
        for answer in answers:
            within = (tolerance or {}).get(answer.ledger.codec, TOLERANCE)
            off = _deviation(answer.outputs, wanted[operation.picture])
            if not off <= within:
                note(Kind.WRONG, operation, f"off by {off:.3g}, expected at most {within:.3g}; {answer.ledger}")
            for untruth in untruths(operation, answer.ledger, last_cut=last_cut):
                note(Kind.UNTRUE, operation, f"{untruth}; {answer.ledger}")
            objection = plans.objection(operation, answer)
            if objection is not None:
                note(Kind.STALE, operation, objection)
    return found


def untruths(operation: Operation, ledger: RequestLedger, *, last_cut: int) -> list[str]:
    """Where a ledger contradicts itself, or speaks of another request."""
    served_there = ledger.served_by in ("split", "server")
    offloads = ledger.epoch > 0 and ledger.cut < last_cut
    rules = {
        f"it speaks of {ledger.request_id!r}": ledger.request_id == operation.request_id,
        "served by nobody known": served_there or ledger.served_by == "edge",
        "a fallback has a reason, anything else none": ledger.fallback == (ledger.fallback_reason is not None),
        "a fallback is served by the edge": not ledger.fallback or ledger.served_by == "edge",
        "a fallback's plan wants the server": not ledger.fallback or offloads,
        "what the server served was sent to it": not served_there or ledger.attempts >= 1,
        "what the server served is of a plan with it": not served_there or offloads,
        "what the server served took it time": not served_there or ledger.seconds.tail > 0.0,
        "the plan's wish was kept, or it is a fallback": ledger.served_by != "edge" or ledger.fallback or not offloads,
        f"sent {_MOST_ATTEMPTS} times at most": 0 <= ledger.attempts <= _MOST_ATTEMPTS,
        "cut 0 is the server's alone": not served_there or (ledger.served_by == "server") == (ledger.cut == 0),
    }
    return [rule for rule, holds in rules.items() if not holds]


class _Plans:
    """When each edge can have had which plan: between the sightings of another one before and after."""

    def __init__(self, history: History) -> None:
        self._planned = history.planned
        self._sightings: dict[tuple[str, int], list[Sighting]] = defaultdict(list)
        for sighting in history.sightings:
            self._sightings[(sighting.edge, sighting.life)].append(sighting)

    def objection(self, operation: Operation, answer: Answer) -> str | None:
        """Why an answer's plan cannot have been in force between sending and answer; None where it can."""
        ledger = answer.ledger
        plan = (ledger.epoch, ledger.cut, ledger.codec)
        seen = self._sightings.get((operation.edge, operation.life), [])
        there = [k for k, one in enumerate(seen) if (one.epoch, one.cut, one.codec) == plan]
        if not there:
            if plan in self._planned or (ledger.epoch == 0 and not any(one.epoch == 0 for one in seen)):
                return None
            return f"epoch {plan[0]}, cut {plan[1]}, codec {plan[2]} was never given to this edge"
        for k in there:
            begin_s = seen[k - 1].asked_s if k > 0 else float("-inf")
            end_s = seen[k + 1].at_s if k + 1 < len(seen) else float("inf")
            if begin_s <= answer.at_s and operation.sent_s <= end_s:
                return None
        if ledger.epoch == 0 and _changed(seen, operation.sent_s, answer.at_s):
            return None
        nearest = seen[there[min(bisect_left([seen[k].at_s for k in there], operation.sent_s), len(there) - 1)]]
        return (
            f"epoch {plan[0]} was not in force between {operation.sent_s:.3f} and {answer.at_s:.3f}; "
            f"seen at {nearest.at_s:.3f}"
        )


def _changed(seen: Sequence[Sighting], begin_s: float, end_s: float) -> bool:
    """Whether an edge changed its plan in a span of time: between two servers' plans it can have been alone, unseen."""
    first = max(0, bisect_right([one.at_s for one in seen], begin_s) - 1)
    last = next((k for k in range(first, len(seen)) if seen[k].asked_s >= end_s), len(seen))
    return len({one.epoch for one in seen[first : last + 1]}) > 1


def _deviation(outputs: bytes, wanted: np.ndarray) -> float:
    had = np.frombuffer(outputs, dtype=np.float32)
    if had.shape != wanted.shape:
        return float("inf")
    return float(np.abs(had - wanted).max())
