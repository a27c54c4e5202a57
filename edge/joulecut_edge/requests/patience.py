"""How long a request may be in a server's hands before the edge must begin to finish it by itself.

    arrival        sent                                 begin here            deadline
       |-- queue, head, encode --|---- wait for the server ----|-- rest, local --|

Without a deadline, or where the local rest cannot be fitted in beside what a slow answer of the server takes, the edge
waits a multiple of the planned latency, as it must not give up a server that is merely slow.
"""

from __future__ import annotations

from joulecut_edge.plans.active_plan import ActivePlan

_PATIENCE = 5.0
"""How many times a request's planned latency to wait for the server before finishing locally."""
_LEAST_PATIENCE_S = 1.0
_KEPT_SHARE = 0.01
"""Of a deadline, what is kept back: waits end late on a busy host, and the answer's way to the application counts."""
_LEAST_KEPT_S = 0.002


def wait_s(active: ActivePlan, *, elapsed_s: float, queued_s: float = 0.0, blocked_s: float = 0.0) -> float:
    """Seconds from now for which a server may be waited for; 0 where only the edge can still keep the deadline.

    `elapsed_s`: since the request came. `queued_s`: what waits for the edge's device by now. `blocked_s`: how long a
    later request may keep the device when the rest must begin; left out where the server needs that time.
    """
    left_s, tail = _left_s(active, elapsed_s), active.local_tail
    if left_s is None or tail is None:
        return patience_s(active)
    kept_s = max(_LEAST_KEPT_S, _KEPT_SHARE * (active.deadline_s or 0.0))
    busy_s = max(queued_s, blocked_s)
    for local_s, waits_s in ((tail.time_s, busy_s), (tail.time_s, queued_s), (tail.fastest_s, queued_s)):
        spare_s = left_s - local_s - waits_s - kept_s
        # A wait of what the server takes on average would give up every second answer.
        if spare_s >= active.slow_remote_s:
            return spare_s
    # The server alone may still make it; where it cannot either, the edge's own rest is the sooner answer.
    if tail.fastest_s + queued_s <= left_s <= active.expected_remote_s:
        return 0.0
    return patience_s(active)


def retry_s(active: ActivePlan, *, elapsed_s: float, queued_s: float = 0.0) -> float | None:
    """Seconds for which another connection may be waited for, so that a second attempt is still in time.

    0 where only one at hand will do, None where there is no time for a second attempt at all.
    """
    left_s, tail = _left_s(active, elapsed_s), active.local_tail
    if left_s is None or tail is None:
        return 0.0
    spare_s = left_s - tail.fastest_s - queued_s - active.expected_remote_s
    return spare_s if spare_s > 0.0 else None


def _left_s(active: ActivePlan, elapsed_s: float) -> float | None:
    return None if active.deadline_s is None else active.deadline_s - elapsed_s


def patience_s(active: ActivePlan) -> float:
    """Seconds after which a server is given up where no deadline says so."""
    return max(_LEAST_PATIENCE_S, _PATIENCE * (active.plan.latency_bound_s or 0.0))
