"""What every baseline is: a name, a source, and a rule that picks one of a problem's choices."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import plan_for
from joulecut_planner.choices.pricing import Choice


class Baseline(Protocol):
    """A way to choose. Only allowed cuts within the accuracy budget are on offer, to every one of them."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def source(self) -> str:
        """Who proposed it, and where."""
        ...

    def choose(self, problem: Problem) -> Choice | None:
        """The choice by the baseline's own model and rule; None where nothing is on offer.

        Raises ProblemError where the problem's numbers overflow.
        """
        ...

    def plan(self, problem: Problem) -> Plan:
        """The choice, priced with the problem's own tables.

        A choice that breaks a constraint there is "infeasible", with `binding` naming what it breaks; it
        is not repaired. `solve_s` is in seconds. Raises ProblemError where the problem's numbers overflow.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a rule picked, and of how many choices that it looked at."""

    choice: Choice | None
    evaluated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledBaseline:
    """A `Baseline` made of a function."""

    name: str
    source: str
    rule: Callable[[Problem], Decision]

    def choose(self, problem: Problem) -> Choice | None:
        """The choice by the rule; None where nothing is on offer."""
        return self.rule(problem).choice

    def plan(self, problem: Problem) -> Plan:
        """The rule's choice, priced with the problem's own tables."""
        started_s = time.perf_counter()
        decision = self.rule(problem)
        solve_s = time.perf_counter() - started_s
        return plan_for(problem, decision.choice, evaluated=decision.evaluated, solve_s=solve_s)
