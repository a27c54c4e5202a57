"""A session's plan beside what others would have chosen for it: the same problem, the same formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from joulecut_core.errors import JoulecutError
from joulecut_core.plans import OPTIMAL, Plan
from joulecut_core.problems import Problem
from joulecut_core.timing import Clock
from joulecut_planner.baselines import BASELINES
from joulecut_planner.governors import governed_plan
from joulecut_server.dashboard.kept_plans import KeptPlan

_MOST_CHOICES = 20_000_000
_PATIENCE_S = 5.0
"""Seconds of the machine's after which no further baseline is begun."""
_GOVERNOR = "governor"
_GOVERNOR_SOURCE = "how boards run as shipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """What a baseline chose, in predicted joules and seconds of one request.

    `kept`: whether it keeps deadline, rate and accuracy. `saved_share`: how much of its joules the session's plan
    saves, negative where that one costs more; None where the baseline costs nothing to compare with.
    """

    name: str
    source: str
    kept: bool
    cut: int | None
    cut_name: str | None
    energy_j: float | None
    latency_bound_s: float | None
    saved_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The other policies that were compared in time; `left_out` says what happened to the rest, empty for nothing."""

    rivals: tuple[Rival, ...]
    left_out: str = ""

    def rival(self, name: str) -> Rival | None:
        """The baseline of that name, where there is one."""
        return next((each for each in self.rivals if each.name == name), None)


def compare(kept: KeptPlan, plan: Plan, clock: Clock) -> Comparison:
    """What each other policy would have cost on the problem behind `kept`, beside `plan`; takes up to seconds."""
    problem = kept.problem
    if choices_of(problem) > _MOST_CHOICES:
        return Comparison(rivals=(), left_out=f"the problem has more than {_MOST_CHOICES:,} choices")
    rivals, left_out, begun_s = [], [], clock.now_s()
    for name, source, choose in _others(kept):
        if clock.now_s() - begun_s > _PATIENCE_S:
            left_out.append(f"{name}: no time left")
            continue
        try:
            rivals.append(_rival(name, source, choose(), plan))
        except JoulecutError as error:
            left_out.append(f"{name}: {error}")
    return Comparison(rivals=tuple(rivals), left_out="; ".join(left_out))


def choices_of(problem: Problem) -> int:
    """How many combinations of cut, codec, variant and clocks there are."""
    wires = sum(len(cut.wires) for cut in problem.cuts)
    return wires * len(problem.variants) * len(problem.edge.points) * len(problem.server.points)


def _others(kept: KeptPlan) -> Iterator[tuple[str, str, Callable[[], Plan]]]:
    """Name, source, and what makes the plan; of all policies but the session's own."""
    problem, edge, own = kept.problem, kept.request.edge, kept.request.policy
    if edge.governed and own != _GOVERNOR:
        yield _GOVERNOR, _GOVERNOR_SOURCE, lambda: governed_plan(problem, edge)
    for name, baseline in BASELINES.items():
        if name != own:
            yield name, baseline.source, partial(baseline.plan, problem)


def _rival(name: str, source: str, made: Plan, plan: Plan) -> Rival:
    saved = None
    if made.energy_j and plan.energy_j is not None:
        saved = 1.0 - plan.energy_j / made.energy_j
    return Rival(
        name=name,
        source=source,
        kept=made.status == OPTIMAL,
        cut=made.cut,
        cut_name=made.cut_name,
        energy_j=made.energy_j,
        latency_bound_s=made.latency_bound_s,
        saved_share=saved,
    )
