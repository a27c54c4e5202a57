"""The answers at many uplinks of one problem, each the one that `solve` gives.

Between two uplinks that are solved only few choices can be the answer (`joulecut_planner.uplinks.uplink_span`);
those are priced at each uplink in between, by the formulas and the tie rule of every plan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.choices.ranks import Ranks
from joulecut_planner.exact.solver import solve
from joulecut_planner.uplinks.contenders import cheapest, nearest
from joulecut_planner.uplinks.uplink_span import LARGEST_RATIO, UplinkSpans

_WORTH_A_SPAN = 4
"""Uplinks from which on a span is less work than solving each."""

_MOST_CONTENDERS = 2000
"""Spans that leave more are split: each is priced at every uplink."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the contract picks for `problem`, None where no choice keeps the accuracy budget.

    `evaluated`: choices priced for it.
    """

    problem: Problem
    choice: Choice | None
    evaluated: int


def answers_at(spans: UplinkSpans, uplinks_bps: Sequence[float]) -> list[Answer]:
    """The answer at each uplink, in bits per second; they have to fall strictly."""
    sweep = _Sweep(spans, uplinks_bps)
    if uplinks_bps:
        sweep.fill(0, len(uplinks_bps) - 1)
    return [sweep.answers[index] for index in range(len(uplinks_bps))]


class _Sweep:
    def __init__(self, spans: UplinkSpans, uplinks_bps: Sequence[float]) -> None:
        self.answers: dict[int, Answer] = {}
        self._spans = spans
        self._problems = [spans.at(uplink_bps) for uplink_bps in uplinks_bps]
        self._plans: dict[int, Plan] = {}

    def fill(self, first: int, last: int) -> None:
        """Answer all from the fast `first` to the slow `last`."""
        slow = self._solved(last)
        if last - first < _WORTH_A_SPAN:
            for index in range(first, last):
                self._solved(index)
        elif slow.cut is None:
            # Neither bandwidth nor deadline matters where nothing keeps the accuracy budget.
            self.answers |= {index: Answer(self._problems[index], None, 0) for index in range(first, last)}
        elif self._ratio(first, last) > LARGEST_RATIO or (slow.status != OPTIMAL and self._is_feasible(first)):
            self._split(first, last)
        else:
            self._price_between(first, last, slow)

    def _price_between(self, first: int, last: int, slow: Plan) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            contenders = self._spans.contenders(
                self._problems[first], self._problems[last], slow, most=_MOST_CONTENDERS
            )
            if contenders is None:
                self._split(first, last)
                return
            pick = cheapest if slow.status == OPTIMAL else nearest
            places = [pick(contenders.costs(problem)) for problem in self._problems[first:last]]
        choices = Ranks.of(self._problems[first]).choices(contenders.rank[places])
        for index, choice in zip(range(first, last), choices, strict=True):
            self.answers[index] = Answer(self._problems[index], choice, len(contenders))

    def _split(self, first: int, last: int) -> None:
        middle_bps = math.sqrt(self._uplink_bps(first)) * math.sqrt(self._uplink_bps(last))
        middle = sum(self._uplink_bps(index) > middle_bps for index in range(first + 1, last - 1)) + first
        self.fill(middle + 1, last)
        self.fill(first, middle)

    def _solved(self, index: int) -> Plan:
        if index not in self._plans:
            problem = self._problems[index]
            plan = self._plans[index] = solve(problem)
            choice = None if plan.cut is None else choice_of(problem, plan)
            self.answers[index] = Answer(problem, choice, plan.evaluated)
        return self._plans[index]

    def _is_feasible(self, index: int) -> bool:
        return self._solved(index).status == OPTIMAL

    def _uplink_bps(self, index: int) -> float:
        return self._problems[index].link.uplink_bps

    def _ratio(self, first: int, last: int) -> float:
        return self._uplink_bps(first) / self._uplink_bps(last)
