"""Who picks plans in a replay: an oracle, joulecut, one plan for the mean, Neurosurgeon's rule, the edge alone."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from benchmarks.link_replay import Candidate, Pick, RecordedLink, Settling
from joulecut_core.problems import Problem
from joulecut_planner.baselines.neurosurgeon import least_latency
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.variations import with_uplink
from joulecut_planner.exact.solver import solve
from joulecut_planner.links import LinkBaseline, LinkEstimator, ProbePlan, Transfer
from joulecut_planner.policies import Policy, plan_choices
from joulecut_planner.switching import Switcher, SwitchTerms, may_probe
from joulecut_planner.uplinks.bands import plan_bands

LOWEST_BPS, HIGHEST_BPS = 1e5, 3e8
_LEAST_BPS = 1e4
"""What an outage counts as where a rule divides by the bandwidth."""
_PER_OCTAVE = 16
"""Neurosurgeon's choices are made at this many bandwidths to each doubling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """The plans of one problem: by uplink, each once, and the edge's own."""

    problem: Problem
    from_bps: tuple[float, ...]
    banded: tuple[Candidate | None, ...]
    candidates: tuple[Candidate, ...]
    local: Candidate

    @classmethod
    def of(cls, problem: Problem) -> Offers:
        """What a server's bands come to; None in `banded` where nothing keeps the terms."""
        made: dict[object, Candidate] = {}
        local = Candidate.of(problem, choice_of(problem, plan_choices(Policy.EDGE_CLOCK, problem)))
        bands = plan_bands(problem, LOWEST_BPS, HIGHEST_BPS)
        banded: list[Candidate | None] = []
        for band in bands:
            if band.plan.status != "optimal":
                banded.append(None)
                continue
            choice = choice_of(with_uplink(problem, band.lowest_bps), band.plan)
            banded.append(made.setdefault(choice, Candidate.of(problem, choice)))
        candidates = list(dict.fromkeys([local, *(each for each in banded if each is not None)]))
        return cls(
            problem=problem,
            from_bps=tuple(band.lowest_bps for band in bands),
            banded=tuple(banded),
            candidates=tuple(candidates),
            local=local,
        )

    def at(self, uplink_bps: float) -> Candidate:
        """The plan for an uplink that is known; the edge's own where none keeps the terms."""
        index = bisect_right(self.from_bps, uplink_bps) - 1
        return (self.banded[index] if index >= 0 else None) or self.local


class Told:
    """A `Decider` that needs no telling: subclasses only pick."""

    def __init__(self) -> None:
        self.switches = 0
        self._last: Candidate | None = None

    def look(self, now_s: float) -> Settling:
        """Changes nothing between requests."""
        del now_s
        return Settling()

    def observe(self, transfer: Transfer) -> None:
        """Learns nothing."""

    def probe_bytes(self, now_s: float) -> int | None:
        """Asks nothing."""

    def probed(self, now_s: float, took_s: float) -> None:
        """Asked nothing."""

    def picked(self, candidate: Candidate, uplink_bps: float) -> Pick:
        """A pick, a change counted."""
        self.switches += self._last is not None and candidate is not self._last
        self._last = candidate
        return Pick(candidate=candidate, uplink_bps=uplink_bps)


class Steady(Told):
    """One plan for good."""

    def __init__(self, candidate: Candidate, uplink_bps: float) -> None:
        super().__init__()
        self._candidate, self._uplink_bps = candidate, uplink_bps

    def pick(self, now_s: float) -> Pick:
        """See `Decider.pick`."""
        del now_s
        return self.picked(self._candidate, self._uplink_bps)


class Oracle(Told):
    """The exact plan for the true bandwidth at each request's arrival; its changes cost nothing."""

    def __init__(self, offers: Offers, link: RecordedLink) -> None:
        super().__init__()
        self._offers, self._link = offers, link

    def pick(self, now_s: float) -> Pick:
        """See `Decider.pick`."""
        uplink_bps = max(_LEAST_BPS, self._link.bps_at(now_s))
        return self.picked(self._offers.at(uplink_bps), uplink_bps)


class Neurosurgeon(Told):
    """The cut of least latency at top clocks for the true bandwidth of a second ago; its changes cost nothing."""

    def __init__(self, problem: Problem, link: RecordedLink) -> None:
        super().__init__()
        self._problem, self._link = problem, link
        self._made: dict[int, Candidate] = {}

    def pick(self, now_s: float) -> Pick:
        """See `Decider.pick`."""
        uplink_bps = max(_LEAST_BPS, self._link.bps_at(max(0.0, now_s - 1.0)))
        key = round(_PER_OCTAVE * math.log2(uplink_bps))
        if key not in self._made:
            choice = least_latency(with_uplink(self._problem, 2.0 ** (key / _PER_OCTAVE))).choice
            if choice is None:
                raise ValueError("nothing is on offer; expected a problem with a choice")
            fresh = Candidate.of(self._problem, choice)
            self._made[key] = next((known for known in self._made.values() if known == fresh), fresh)
        return self.picked(self._made[key], uplink_bps)


class Joulecut:
    """The agents' estimator and switcher, over the same bands. Starts from a measurement of the link, as they do."""

    def __init__(self, offers: Offers, link: RecordedLink) -> None:
        problem = offers.problem
        self.switches = 0
        self._terms = SwitchTerms()
        self._offers = offers
        self._contenders = [each.contender for each in offers.candidates]
        self._estimator = LinkEstimator(
            LinkBaseline(
                rtt_s=problem.link.rtt_s,
                spread_s=problem.link.latency_std_s,
                downlink_bps=problem.link.downlink_bps,
            )
        )
        self._switcher = Switcher(self._terms, rate_hz=problem.slo.rate_hz, now_s=0.0)
        self._probes = ProbePlan()
        self._started_bps = max(_LEAST_BPS, link.bps_at(0.0))
        self._current = offers.candidates.index(offers.at(self._started_bps))

    def look(self, now_s: float) -> Settling:
        """See `Decider.look`."""
        outlook = self._estimator.outlook(now_s)
        switch = self._switcher.decide(now_s, self._contenders, self._current, outlook)
        if switch is None:
            return Settling()
        before, self._current = self._current, switch.index
        self.switches += 1
        if self._contenders[before].clocks == self._contenders[switch.index].clocks:
            return Settling()
        return Settling(time_s=self._terms.settle_s, energy_j=self._terms.settle_j)

    def pick(self, now_s: float) -> Pick:
        """See `Decider.pick`."""
        outlook = self._estimator.outlook(now_s)
        uplink_bps = self._started_bps if outlook is None else outlook.usual_bps
        return Pick(candidate=self._offers.candidates[self._current], uplink_bps=uplink_bps)

    def observe(self, transfer: Transfer) -> None:
        """See `Decider.observe`."""
        self._estimator.observe(transfer)

    def probe_bytes(self, now_s: float) -> int | None:
        """See `Decider.probe_bytes`."""
        outlook = self._estimator.outlook(now_s)
        if not may_probe(self._contenders, self._current, outlook):
            return None
        return self._probes.due_bytes(now_s, outlook)

    def probed(self, now_s: float, took_s: float) -> None:
        """See `Decider.probed`."""
        self._probes.sent(now_s, took_s)


def steady_for_mean(problem: Problem, link: RecordedLink) -> Steady:
    """The exact plan for the recording's mean bandwidth, kept throughout."""
    there = with_uplink(problem, link.mean_bps)
    return Steady(Candidate.of(problem, choice_of(there, solve(there))), link.mean_bps)
