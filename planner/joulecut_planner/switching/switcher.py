"""When to change from one plan to another: down at once, up seldom.

    the plan in force is late on the link of just now    -> at once: the cheapest that is safe on a careful view of it
    another one is cheaper by the margin, its switch paid -> once the hold is over, where a careful view allows it

A change for a deadline goes to a plan that asks less of the link than the one it leaves, and a second one within one
hold to the plan that asks least of all. So there are at most three changes to a hold, whatever the link does: one for
joules, two for deadlines. A plan that was left for a deadline within a hold of being taken was not worth taking: the
hold doubles, and halves again with each change that lasted. Neither was one that is given back for joules soon after
its hold: the next time the way back takes twice as long, on a scale of its own, as no deadline waits for it.

Over a long time there is one change to `change_s` on average, a few ahead: a link that makes each change regretted once
its hold is over would have more. What waits for that are joules, and the way out of an edge that is late by itself.

Where the edge by itself is late on every link it has no safe place, and both time there and a collapse cost deadlines:

    by itself               -> a third of the hold later, on the link of just now: the plan that asks least of it
    another one is cheaper  -> once the longest hold is over, where the slowest spell of the window allows it
    late most of the time   -> not home again before the longest hold is over: hardly an answer would be in time there
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from joulecut_planner.links.outlook import LinkOutlook
from joulecut_planner.switching.contender import Contender
from joulecut_planner.switching.terms import SwitchTerms

_LATE_HOLD = 1.0 / 3.0
"""Of the hold: so long an edge stays that is late by itself."""

_AT_ONCE = 3
"""Changes within a hold: one that can be paid, and two for deadlines after it."""


class SwitchReason(str, Enum):
    """Why another plan is taken."""

    DEADLINE = "deadline"
    """The one in force would be late."""
    ENERGY = "energy"
    """The other one costs fewer joules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Take the plan at `index`, because."""

    index: int
    reason: SwitchReason


class Switcher:
    """Remembers when it switched last; everything else is told. Times are of one clock and ascend."""

    def __init__(
        self, terms: SwitchTerms, *, rate_hz: float | None, now_s: float, paid_until_s: float = -math.inf
    ) -> None:
        """`rate_hz`: of requests, which a switch's cost is shared by; None counts it in full.

        `paid_until_s`: of the one before, where plans were made anew.
        """
        self._terms = terms
        self._rate_hz = rate_hz
        self._hold_s = terms.hold_s
        self._held_since_s = now_s - terms.longest_hold_s
        self._ventured_s: float | None = None
        self._left_s = now_s - terms.longest_hold_s
        self._left_for_joules: int | None = None
        self._return_s = terms.hold_s
        self._paid_until_s = max(now_s, paid_until_s)

    @property
    def hold_s(self) -> float:
        """How long a plan is held now before another is taken for its joules."""
        return self._hold_s

    @property
    def paid_until_s(self) -> float:
        """Until when there would be no more changes, were they as far apart as they are to be on average."""
        return self._paid_until_s

    def decide(
        self, now_s: float, contenders: Sequence[Contender], current: int, outlook: LinkOutlook | None
    ) -> Switch | None:
        """The plan to change to, None to stay. Without an outlook nothing is known that speaks for a change."""
        switch = None if outlook is None else self._decided(now_s, contenders, current, outlook)
        if switch is not None:
            # One that the device refuses is found again and again: more than can be owed is not.
            owed_s = max(0.0, self._paid_until_s - now_s) + self._terms.change_s
            self._paid_until_s = now_s + min(owed_s, (self._terms.changes_ahead + _AT_ONCE) * self._terms.change_s)
        return switch

    def _decided(
        self, now_s: float, contenders: Sequence[Contender], current: int, outlook: LinkOutlook
    ) -> Switch | None:
        alone = min(range(len(contenders)), key=lambda each: (contenders[each].uplink_bytes, contenders[each].fixed_s))
        has_no_haven = math.isinf(contenders[alone].least_bps)
        haven = _less_late(contenders, alone, outlook.recent_bps) if has_no_haven else alone
        if current == alone and has_no_haven:
            return self._out(now_s, haven) if haven != alone else None
        if current != haven and not _is_safe(contenders[current], outlook, outlook.recent_bps):
            return self._away(now_s, contenders, current, haven, outlook)
        hold_s = self._terms.longest_hold_s if has_no_haven else self._hold_s
        if now_s - self._held_since_s < hold_s or len(outlook.samples_bps) < self._terms.spells:
            return None
        if has_no_haven:
            outlook = replace(outlook, careful_bps=min(outlook.careful_bps, *outlook.samples_bps), aging=1.0)
        return self._better(now_s, contenders, current, outlook)

    def _out(self, now_s: float, target: int) -> Switch | None:
        """From an edge that is late by itself: little is lost by trying what asks least of the link."""
        if now_s - self._held_since_s < _LATE_HOLD * self._hold_s or not self._can_pay(now_s):
            return None
        self._ventured_s = self._held_since_s = now_s
        self._left_for_joules = None
        return Switch(index=target, reason=SwitchReason.DEADLINE)

    def _away(
        self, now_s: float, contenders: Sequence[Contender], current: int, haven: int, outlook: LinkOutlook
    ) -> Switch | None:
        careful_bps = outlook.careful_bps
        target = haven
        if now_s - self._left_s >= self._hold_s:
            found = _cheapest(contenders, outlook)
            least_late = min(range(len(contenders)), key=lambda each: contenders[each].bound_s(careful_bps))
            target = least_late if found is None else found
        if contenders[target].is_mostly_late and self._has_just_ventured(now_s):
            return None
        if target == current or contenders[target].bound_s(careful_bps) >= contenders[current].bound_s(careful_bps):
            return None
        self._judge(now_s)
        self._ventured_s = self._left_for_joules = None
        self._held_since_s = self._left_s = now_s
        return Switch(index=target, reason=SwitchReason.DEADLINE)

    def _better(
        self, now_s: float, contenders: Sequence[Contender], current: int, outlook: LinkOutlook
    ) -> Switch | None:
        target = _cheapest(contenders, outlook)
        if target is None or target == current:
            return None
        now, then = contenders[current], contenders[target]
        now_j = now.mean_j(outlook)
        requests = max(1.0, self._hold_s * (self._rate_hz or 0.0))
        settle_j = self._terms.settle_j / requests if now.clocks != then.clocks else 0.0
        # Between two requests a link is heard of no more: a plan left for that is taken again before the next one.
        is_late = not _is_safe(now, outlook, outlook.careful_bps * outlook.aging)
        if not is_late and now_j - then.mean_j(outlook) <= self._terms.margin * now_j + settle_j:
            return None
        if not is_late and not self._can_pay(now_s):
            return None
        if target == self._left_for_joules:
            held_s = now_s - self._held_since_s
            if held_s < self._return_s and not is_late:
                return None
            factor = 2.0 if held_s < 2.0 * self._return_s else 0.5
            self._return_s = min(self._terms.longest_return_s, max(self._terms.hold_s, factor * self._return_s))
        self._judge(now_s)
        self._ventured_s = self._held_since_s = now_s
        self._left_for_joules = current
        return Switch(index=target, reason=SwitchReason.DEADLINE if is_late else SwitchReason.ENERGY)

    def _can_pay(self, now_s: float) -> bool:
        """Whether there were few enough changes for one that no deadline in force asks for."""
        return self._paid_until_s - now_s <= self._terms.changes_ahead * self._terms.change_s

    def _has_just_ventured(self, now_s: float) -> bool:
        return self._ventured_s is not None and now_s - self._ventured_s < self._terms.longest_hold_s

    def _judge(self, now_s: float) -> None:
        """Whether the plan that is being left had been worth taking."""
        if self._ventured_s is None:
            return
        factor = 2.0 if now_s - self._ventured_s < self._hold_s else 0.5
        self._hold_s = min(self._terms.longest_hold_s, max(self._terms.hold_s, factor * self._hold_s))


def _less_late(contenders: Sequence[Contender], alone: int, uplink_bps: float) -> int:
    """On such an uplink: what asks least of it, or the edge by itself."""
    least = min(range(len(contenders)), key=lambda each: contenders[each].least_bps)
    then = contenders[least]
    keeps_up = then.way_up_s(uplink_bps) <= then.period_s
    return least if keeps_up and then.bound_s(uplink_bps) < contenders[alone].fixed_s else alone


def _is_safe(contender: Contender, outlook: LinkOutlook, uplink_bps: float) -> bool:
    """Whether its answers are in time on such an uplink, be it that the edge finishes them by itself."""
    return contender.keeps(uplink_bps, outlook.delay_s) or contender.is_covered(outlook.usual_bps)


def _cheapest(contenders: Sequence[Contender], outlook: LinkOutlook) -> int | None:
    """The one of fewest joules among those that keep their terms on a careful view of the link."""
    safe = [index for index, each in enumerate(contenders) if _is_safe(each, outlook, outlook.careful_bps)]
    return min(safe, key=lambda index: contenders[index].mean_j(outlook), default=None)
