"""One request of an application on its way through the edge, and by when it is to be answered."""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_edge.plans.active_plan import ActivePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`sent_id`: what servers know it by; applications choose their ids, and two may choose the same.

    `after_s`: how long before it the last one came. `waited_before_s`: what the edge had waited by then, all in all.
    `within_s`: how long its caller waits, from `start_s` on; None for a caller that does not say.
    """

    request_id: str
    sent_id: str
    start_s: float
    after_s: float
    waited_before_s: float
    within_s: float | None = None

    def deadline_s(self, active: ActivePlan) -> float | None:
        """Seconds from `start_s` in which an answer is of use: the plan's, or the caller's where those are fewer."""
        return min((each for each in (active.deadline_s, self.within_s) if each is not None), default=None)

    def blocked_s(self, active: ActivePlan) -> float:
        """How long a later request may keep the device, all of it done here, where they come faster than deadlines."""
        planned, tail, deadline_s = active.plan.breakdown, active.local_tail, self.deadline_s(active)
        if planned is None or tail is None or deadline_s is None or self.after_s >= deadline_s:
            return 0.0
        return planned.t_edge + tail.time_s
