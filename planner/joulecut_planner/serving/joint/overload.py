"""Whom to serve when not all that wait can be served in one batch: the first ones, and who is let go for them."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from joulecut_core.serving import QueuedRequest, Rejection, RejectReason
from joulecut_planner.serving.joint.decisions import LoadDecisions
from joulecut_planner.serving.joint.limits import Limits


@dataclass(frozen=True, slots=True)
class Choice:
    """The batch to run, and how many of the first are let go for it."""

    let_go: int
    size: int


def best_batch(
    load: LoadDecisions, limits: Limits, state: int, slacks_s: Sequence[float], expected_hz: float, step_s: float
) -> Choice | None:
    """Which of those waiting run next, by what it is worth; `slacks_s` is ascending. None where nobody can be in time.

    An old request that allows but a small batch may cost several young ones their deadlines; letting it go is
    weighed against that.
    """
    miss_j = load.prices.miss_j
    most, ages = load.relative.shape[1] - 1, load.relative.shape[2]
    deadline_s = step_s * ages
    best: tuple[float, Choice] | None = None
    # Letting more go pays where a larger batch becomes possible.
    steps = {bisect_left(slacks_s, limits.quickest_s(state, size + 1)) for size in range(limits.sizes)}
    for let_go in sorted(steps - {len(slacks_s)}):
        slack_s = slacks_s[let_go]
        size = limits.largest(state, len(slacks_s) - let_go, slack_s)
        if not size:
            continue
        behind_s = slacks_s[let_go + size :]
        fitting = limits.fitting(state, size, min(slack_s, slowest_pace_s(behind_s, size))) or 1
        way = int(load.chosen[state, size - 1, fitting - 1])
        cost_j = miss_j * let_go + float(load.gains[state, way, size - 1])
        left = len(behind_s)
        if left:
            # Those left behind wait with who comes meanwhile; who comes is in the value of the launch already.
            takes_s = limits.quickest_s(state, size)
            age = round((deadline_s - behind_s[0] + takes_s) / step_s)
            came = min(round(expected_hz * takes_s), most)
            together = min(left + came, most)
            cost_j += float(load.relative[state, together, min(max(age, 0), ages - 1)] - load.relative[state, came, 0])
            cost_j += miss_j * (left + came - together)
        if best is None or cost_j < best[0]:
            best = cost_j, Choice(let_go, size)
        if not left:
            break
    return best[1] if best else None


def slowest_pace_s(behind_s: Sequence[float], size: int, overtaking_hz: float = 0.0) -> float:
    """The most a batch of `size` may take where those behind it follow in batches as long, all of them in time.

    `behind_s` are their slacks, in the order in which they will run; `overtaking_hz`: how many a second may come who
    go before them.
    """
    return min(
        (
            slack_s / (2 + place // size + max(slack_s, 0.0) * overtaking_hz / size)
            for place, slack_s in enumerate(behind_s)
        ),
        default=math.inf,
    )


def by_priority(
    waiting: Sequence[QueuedRequest], limits: Limits, state: int, now_s: float
) -> tuple[QueuedRequest, ...]:
    """The largest batch in the order of the line in which all are in time, without whoever does not fit in."""
    members: tuple[QueuedRequest, ...] = ()
    tightest_s, first = float("inf"), len(limits.alone_s)
    for request in waiting:
        if len(members) == limits.sizes:
            break
        tighter_s, earlier = min(tightest_s, request.deadline_s), min(first, request.entry)
        size = len(members) + 1
        if limits.quickest_s(state, size) - limits.saved_s(earlier, size) <= tighter_s - now_s:
            members, tightest_s, first = (*members, request), tighter_s, earlier
    return members


def hopeless(
    waiting: Sequence[QueuedRequest], limits: Limits, now_s: float, busy_s: float, per_request_s: float
) -> tuple[Rejection, ...]:
    """Those who cannot be in time once the device has been busy for so long, and when to try again.

    Each of them waits behind those before it, who take `per_request_s` each at best.
    """
    gone = []
    before = 0
    for request in waiting:
        left_s = request.deadline_s - now_s
        alone_s = limits.alone_s[request.entry]
        if left_s < alone_s:
            gone.append(Rejection(request.id, RejectReason.LATE, busy_s))
        elif left_s < busy_s + max(alone_s, before * per_request_s):
            gone.append(Rejection(request.id, RejectReason.OVERLOAD, busy_s + before * per_request_s))
        else:
            before += 1
    return tuple(gone)
