"""The plan an edge carries out now, with what its ledger needs to price a request."""

from __future__ import annotations

from dataclasses import dataclass, field

from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Plan
from joulecut_proto.planning_messages import StageFactors

LOCAL_EPOCH = 0
"""The epoch of the plan an edge makes for itself; servers hand out higher ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePlan:
    """An assignment in force. `wait_w`: the edge's draw when not computing. `period_s`: None without a rate.

    `factors`: those that the tables behind the plan were corrected by.
    """

    assignment: Assignment
    plan: Plan
    offloads: bool
    wait_w: float
    period_s: float | None
    link: LinkEstimate | None
    factors: StageFactors = field(default_factory=StageFactors)
