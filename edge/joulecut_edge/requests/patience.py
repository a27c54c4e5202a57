"""How long a request may be in a server's hands before the edge must begin to finish it by itself.

    arrival        sent                                 begin here            deadline
       |-- queue, head, encode --|---- wait for the server ----|-- rest, local --|

The deadline is the plan's, or the time that the caller waits where that is shorter.

Without a deadline, or where the local rest cannot be fitted in beside what a slow answer of the server takes, the edge
waits a multiple of the planned latency, as it must not give up a server that is merely slow. A plan is a server's word:
its latency counts up to six deadlines, and without one for ten minutes of waiting at most.
"""

from __future__ import annotations

from joulecut_edge.plans.active_plan import ActivePlan

_PATIENCE = 5.0
"""How many times a request's planned latency to wait for the server before finishing locally."""
_LEAST_PATIENCE_S = 1.0
_MOST_PATIENCE_S = 600.0
"""As long as a server takes, unless told otherwise, to give up the slowest request and the slowest reply."""
_KEPT_SHARE = 0.01
"""Of a deadline, what is kept back: waits end late on a busy host, and the answer's way to the application counts."""
_LEAST_KEPT_S = 0.002
_CALLERS_SHARE = 0.05
"""The same of the time that a caller waits: an answer after it is none, and gRPC rounds it up by up to a hundredth."""
_CALLERS_LEAST_S = 0.01


def wait_s(
    active: ActivePlan,
    *,
    elapsed_s: float,
    queued_s: float = 0.0,
    blocked_s: float = 0.0,
    within_s: float | None = None,
) -> float:
    """Seconds from now for which a server may be waited for; 0 where only the edge can still keep the deadline.

    `elapsed_s`: since the request came. `queued_s`: what waits for the edge's device by now. `blocked_s`: how long a
    later request may keep the device when the rest must begin; left out where the server needs that time. `within_s`:
    how long the caller waits in all; None for one that does not say.
    """

    def until_s(deadline_s: float, kept_s: float) -> float:
        left_s, busy_s = deadline_s - elapsed_s, max(queued_s, blocked_s)
        return _spare_s(active, left_s=left_s, kept_s=kept_s, queued_s=queued_s, busy_s=busy_s)

    waits_s = patience_s(active)
    if active.deadline_s is not None:
        waits_s = until_s(active.deadline_s, max(_LEAST_KEPT_S, _KEPT_SHARE * active.deadline_s))
    if within_s is None:
        return waits_s
    # Nor is a server waited for when nobody waits for its answer.
    within_wait_s = until_s(within_s, max(_CALLERS_LEAST_S, _CALLERS_SHARE * within_s))
    return max(0.0, min(waits_s, within_wait_s, within_s - elapsed_s))


def retry_s(
    active: ActivePlan, *, elapsed_s: float, queued_s: float = 0.0, within_s: float | None = None
) -> float | None:
    """Seconds for which another connection may be waited for, so that a second attempt is still in time.

    0 where only one at hand will do, None where there is no time for a second attempt at all.
    """
    spares_s = []
    for deadline_s in (active.deadline_s, within_s):
        if deadline_s is not None and active.local_tail is not None:
            left_s = deadline_s - elapsed_s
            spares_s.append(left_s - active.local_tail.fastest_s - queued_s - active.expected_remote_s)
    if any(spare_s <= 0.0 for spare_s in spares_s):
        return None
    # A caller's patience alone is no reason to wait for a server that may not be found.
    return 0.0 if active.deadline_s is None else min(spares_s, default=0.0)


def _spare_s(active: ActivePlan, *, left_s: float, kept_s: float, queued_s: float, busy_s: float) -> float:
    tail = active.local_tail
    if tail is None:
        return patience_s(active)
    for local_s, waits_s in ((tail.time_s, busy_s), (tail.time_s, queued_s), (tail.fastest_s, queued_s)):
        spare_s = left_s - local_s - waits_s - kept_s
        # A wait of what the server takes on average would give up every second answer.
        if spare_s >= active.slow_remote_s:
            return spare_s
    # The server alone may still make it; where it cannot either, the edge's own rest is the sooner answer.
    if tail.fastest_s + queued_s <= left_s <= active.expected_remote_s:
        return 0.0
    return patience_s(active)


def patience_s(active: ActivePlan) -> float:
    """Seconds after which a server is given up where no deadline says so."""
    return max(_LEAST_PATIENCE_S, min(_PATIENCE * active.bound_s, _MOST_PATIENCE_S))
