"""What a shift means: a device below its clock, tables that are wrong, or another link."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from joulecut_core.clocks import OperatingPoint
from joulecut_core.devices import ThrottleReason
from joulecut_planner.drift.detector import Shift

_HELD = 0.99
"""A clock this close below the one asked for is held: drivers round, and no drift comes of so little."""


class WatchedPart(str, Enum):
    """A stage of a request whose seconds are predicted and measured."""

    HEAD = "head"
    ENCODE = "encode"
    LINK = "link"
    DECODE = "decode"
    TAIL = "tail"


class DriftCause(str, Enum):
    """Why measured and predicted seconds have left each other."""

    THROTTLED = "throttled"
    """The device runs below the clock that the plan asked for: the tables may be right, the clock is not."""
    MODEL_ERROR = "model error"
    """The clock holds, as far as is known, and the tables are wrong there."""
    LINK = "link"
    """The link is not the one that was estimated."""
    RECOVERED = "recovered"
    """The prediction holds again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a part's device runs: what was asked for (None: left to its governor), what is held, what it says."""

    requested: OperatingPoint | None
    achieved: OperatingPoint
    throttle: frozenset[ThrottleReason] = field(default_factory=frozenset)

    @property
    def throttled(self) -> bool:
        """Whether the device gives a reason, or holds a lower core or memory clock than was asked for."""
        return bool(self.throttle) or (self.requested is not None and _below(self.achieved, self.requested))

    def __str__(self) -> str:
        """For a log line: clocks and reasons."""
        asked = "" if self.requested is None else f" of {self.requested}"
        reasons = ", ".join(sorted(reason.value for reason in self.throttle))
        return f"at {self.achieved}{asked}" + (f", {reasons}" if reasons else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A shift and its cause. `conditions` is None where the device could not be asked."""

    part: WatchedPart
    cause: DriftCause
    shift: Shift
    conditions: Conditions | None

    def __str__(self) -> str:
        """For a log line: what, by how much, why."""
        device = "" if self.conditions is None else f" ({self.conditions})"
        return (
            f"{self.part.value} takes {self.shift.factor:.2f} times its predicted seconds, {self.shift.previous:.2f} "
            f"before, over {self.shift.samples} requests: {self.cause.value}{device}"
        )


def judge(part: WatchedPart, shift: Shift, conditions: Conditions | None, *, tolerance: float) -> Verdict:
    """The cause of a shift; within half the tolerance of 1 a prediction holds again.

    Throttling explains a part slower than predicted, never a faster one.
    """
    if abs(math.log(shift.factor)) <= tolerance / 2.0:
        cause = DriftCause.RECOVERED
    elif part is WatchedPart.LINK:
        cause = DriftCause.LINK
    elif conditions is not None and conditions.throttled and shift.factor > 1.0:
        cause = DriftCause.THROTTLED
    else:
        cause = DriftCause.MODEL_ERROR
    return Verdict(part=part, cause=cause, shift=shift, conditions=None if part is WatchedPart.LINK else conditions)


def _below(achieved: OperatingPoint, requested: OperatingPoint) -> bool:
    if achieved.core_mhz < _HELD * requested.core_mhz:
        return True
    known = achieved.memory_mhz is not None and requested.memory_mhz is not None
    return known and (achieved.memory_mhz or 0.0) < _HELD * (requested.memory_mhz or 0.0)
