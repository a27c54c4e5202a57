"""What a request's first turn on the edge's device gave: a head, and what is kept for the rest; or all of it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from joulecut_core.ledgers import FallbackReason
from joulecut_edge.plans.active_plan import ActivePlan
from joulecut_edge.requests.footing import InForce
from joulecut_runtime.execution.part_runner import HeadRun, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is kept until the answer: the tensors at the cut and their encoded form."""

    force: InForce
    run: HeadRun
    queue_s: float

    @property
    def sent_bytes(self) -> int:
        """What crosses of it."""
        return sum(frame.size_bytes for frame in self.run.encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """All of it, computed here; `reason` where the plan wanted a server."""

    active: ActivePlan
    outputs: tuple[Tensor, ...]
    stage: Stage
    reason: FallbackReason | None
