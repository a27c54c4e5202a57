"""One plan among those an edge may switch between: what it takes and costs at any uplink.

With the clocks, the cut and the wire fixed, T_q and J are straight lines in the seconds of the way up
(`joulecut_planner.uplinks.break_points`), so two prices tell all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.links.outlook import LinkOutlook

_TAIL_MARGIN = 1.1
"""Over the mean: a part run alone, after a pause, is slower than its share of a whole run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """T_q is `fixed_s` and the way up, J is `fixed_j` and `way_up_w` for as long as that lasts.

    `uplink_bytes`: 0 where the edge answers alone. `head_s`: the edge's part. `tail_s`, `tail_j`: what finishing on the
    edge, from what would have been sent, takes and costs it. `latest_s`, `period_s`: what the terms allow for an
    answer, and between two; infinite where they do not say. `clocks`: the operating points that both sides hold, by
    their places.
    """

    uplink_bytes: float
    fixed_s: float
    fixed_j: float
    way_up_w: float
    head_s: float
    tail_s: float
    tail_j: float
    latest_s: float
    period_s: float
    clocks: tuple[int, int | None]

    def way_up_s(self, uplink_bps: float) -> float:
        """Seconds of what is sent, on the way up."""
        return 8.0 * self.uplink_bytes / uplink_bps

    def bound_s(self, uplink_bps: float) -> float:
        """T_q on such an uplink."""
        return self.fixed_s + self.way_up_s(uplink_bps)

    def energy_j(self, uplink_bps: float) -> float:
        """J on such an uplink."""
        return self.fixed_j + self.way_up_w * self.way_up_s(uplink_bps)

    def keeps(self, uplink_bps: float, delay_s: float = 0.0) -> bool:
        """Whether its answers are in time, and keep up with the rate, on such an uplink, so much delayed."""
        late_s = delay_s if self.uplink_bytes > 0.0 else 0.0
        in_time = self.bound_s(uplink_bps) + late_s <= limit(self.latest_s)
        return in_time and self.way_up_s(uplink_bps) <= limit(self.period_s)

    @property
    def least_bps(self) -> float:
        """The slowest uplink that it keeps its terms on; infinite where it keeps them on none, 0 where on all."""
        left_s = min(limit(self.latest_s) - self.fixed_s, limit(self.period_s))
        if self.uplink_bytes == 0.0:
            return 0.0 if left_s >= 0.0 else math.inf
        return 8.0 * self.uplink_bytes / left_s if left_s > 0.0 else math.inf

    @property
    def is_mostly_late(self) -> bool:
        """Whether the edge by itself is late even where it takes no longer than as a rule."""
        return self.uplink_bytes == 0.0 and self.head_s > limit(self.latest_s)

    def is_covered(self, uplink_bps: float) -> bool:
        """Whether, on what is such an uplink as a rule, the edge can still finish in time what is not answered."""
        if math.isinf(self.latest_s) or self.uplink_bytes == 0.0:
            return False
        alone_s = self.head_s + _TAIL_MARGIN * self.tail_s
        # The request before it may just have been finished alone too.
        in_time_s = self.bound_s(uplink_bps) + _TAIL_MARGIN * self.tail_s + alone_s
        return in_time_s <= limit(self.latest_s) and alone_s <= limit(self.period_s)

    def mean_j(self, outlook: LinkOutlook) -> float:
        """J over the outlook's samples; what would not be answered in time is finished on the edge on top."""
        # What is under way for longer than that is given up, or waits for a link that carries nothing.
        longest_s = self.way_up_s(self.least_bps) if 0.0 < self.least_bps < math.inf else self.latest_s
        # In the middle a delay is half of the longest, and costs what a way up does.
        delays_j = self.way_up_w * outlook.delay_s / 2.0 if self.uplink_bytes > 0.0 else 0.0
        total_j = 0.0
        for uplink_bps in outlook.samples_bps:
            total_j += self.fixed_j + self.way_up_w * min(self.way_up_s(uplink_bps), longest_s)
            if not self.keeps(uplink_bps):
                total_j += self.tail_j
        return delays_j + total_j / len(outlook.samples_bps)


def may_probe(contenders: Sequence[Contender], current: int, outlook: LinkOutlook | None) -> bool:
    """Whether a probe of the link pays, and costs no deadline, while this one is in force.

    Where nothing is sent, nothing else tells of the link. Where what is sent is so little that it tells too little, a
    plan that sends more may be the better one by now; a request that a probe holds up is finished by the edge in time.
    """
    now = contenders[current]
    if now.uplink_bytes == 0.0:
        return True
    if outlook is None or not outlook.doubt_s or all(each.uplink_bytes <= now.uplink_bytes for each in contenders):
        return False
    return math.isinf(now.latest_s) or now.is_covered(outlook.usual_bps)


def contender_of(problem: Problem, choice: Choice) -> Contender:
    """What a choice takes and costs over any uplink, the rest of the problem's link as it is."""
    slo = problem.slo
    wire = problem.cuts[choice.cut].wires[choice.wire]
    uplink_bytes = 0.0 if choice.server_point is None else wire.uplink_bytes
    # A second of way up for the whole, and none: the slope and what is left of it.
    fixed = price(problem, choice, link=replace(problem.link, uplink_bps=math.inf))
    way_up_w = 0.0
    if uplink_bytes > 0.0:
        slow = price(problem, choice, link=replace(problem.link, uplink_bps=8.0 * uplink_bytes))
        way_up_w = slow.energy_j - fixed.energy_j
    tables, point = problem.variants[choice.variant].edge, choice.edge_point
    whole_s, head_s = tables.time_s[-1][point], tables.time_s[choice.cut][point]
    wait_w = problem.edge.points[point].wait_w
    whole_j = (tables.busy_w[-1][point] - wait_w) * whole_s
    head_j = (tables.busy_w[choice.cut][point] - wait_w) * head_s
    return Contender(
        uplink_bytes=uplink_bytes,
        fixed_s=fixed.latency_bound_s,
        fixed_j=fixed.energy_j,
        way_up_w=way_up_w,
        head_s=head_s,
        tail_s=max(0.0, whole_s - head_s),
        tail_j=problem.objective.edge_weight * max(0.0, whole_j - head_j),
        latest_s=math.inf if slo.latency_s is None else slo.latency_s,
        period_s=math.inf if slo.rate_hz is None else 1.0 / slo.rate_hz,
        clocks=(choice.edge_point, choice.server_point),
    )
