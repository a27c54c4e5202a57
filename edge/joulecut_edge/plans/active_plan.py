"""The plan an edge carries out now, with what its ledger needs to price a request, and its deadline to keep it."""

from __future__ import annotations

from dataclasses import dataclass, field

from joulecut_core.links import LinkEstimate
from joulecut_core.plans import Assignment, Plan
from joulecut_edge.plans.local_tail import LocalTail
from joulecut_proto.planning_messages import StageFactors

_SLOW = 1.2
"""Over the planned seconds: software between the stages is in no plan."""
LOCAL_EPOCH = 0
"""The epoch of the plan an edge makes for itself; servers hand out higher ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePlan:
    """An assignment in force. `wait_w`: the edge's draw when not computing. `period_s`: None without a rate.

    `factors`: those that the tables behind the plan were corrected by. `deadline_s`: what a request may take in all;
    None without one. `local_tail`: what the edge needs to finish from the cut on by itself; None where not known.
    """

    assignment: Assignment
    plan: Plan
    offloads: bool
    wait_w: float
    period_s: float | None
    link: LinkEstimate | None
    factors: StageFactors = field(default_factory=StageFactors)
    deadline_s: float | None = None
    local_tail: LocalTail | None = None

    @property
    def rate_hz(self) -> float | None:
        """Requests a second that it was made for; None where they come one after the other."""
        return None if self.period_s is None else 1.0 / self.period_s

    @property
    def expected_remote_s(self) -> float:
        """Planned seconds from the last byte encoded to the answer; 0 where the plan does not tell."""
        planned = self.plan.breakdown
        if planned is None:
            return 0.0
        return planned.t_up + planned.rtt_s + planned.decode_s + planned.t_server + planned.t_down

    @property
    def slow_remote_s(self) -> float:
        """Of the same seconds, what a request takes that is as slow as the plan allows for, or somewhat more."""
        mean_s, bound_s = self.plan.latency_s or 0.0, self.plan.latency_bound_s or 0.0
        return max(self.expected_remote_s + max(bound_s - mean_s, 0.0), _SLOW * self.expected_remote_s)

    def continues(self, other: ActivePlan) -> bool:
        """Whether what was encoded under `other` can be sent under this plan as it is."""
        mine, its = self.assignment, other.assignment
        return self.offloads and (mine.network_digest, mine.cut, mine.codec, mine.variant) == (
            its.network_digest,
            its.cut,
            its.codec,
            its.variant,
        )
