"""J-DOB for a group of one: joint DVFS, offloading and batching where nobody else is there to share a batch with.

Source: Xu, Zhou, Niu: "Joint Optimization of Offloading, Batching and DVFS for Multiuser Co-Inference", arXiv
2504.14611 (2025); `joulecut_planner.batching.jdob` says what is implemented and from which sources, and
compares it with the joint plan where edges do share batches. What is left of it for one pair: sweep the
partition point and the server's frequency, and run the user as slowly as the batch's start lets it.

What the paper leaves open, and the choice here:

- rate and spread: it serves one request of each user by a deadline for what it takes on average, and so
  does this baseline: without a rate, and with the deadline kept by the mean;
- variants: planned one by one, the least joules of its own decide;
- where it finds no schedule in time: the fastest choice at top clocks, since a request has to be served.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from joulecut_core.errors import ProblemError
from joulecut_core.problems import Problem, Slo, Variant
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.baselines.candidates import top_clocks
from joulecut_planner.batching.jdob import j_dob_runs
from joulecut_planner.batching.options import case_of
from joulecut_planner.batching.problem import BatchingEdge, BatchingProblem
from joulecut_planner.batching.runs import at_home, timed_schedule
from joulecut_planner.choices.constraints import keeps_accuracy
from joulecut_planner.choices.pricing import Choice

SOURCE = "Xu et al., J-DOB, arXiv 2504.14611"


def j_dob(problem: Problem) -> Decision:
    """J-DOB's choice for a single user, blind to rate and spread. Raises ProblemError where numbers overflow."""
    planned = [
        found
        for v, variant in enumerate(problem.variants)
        if keeps_accuracy(problem, variant.accuracy_loss) and (found := _planned(problem, v, variant)) is not None
    ]
    fastest = top_clocks(problem)
    decision = fastest.best(fastest.latency_s)
    if not planned:
        return decision
    pairs = len(problem.edge.points) * len(problem.server.points)
    looked_at = len(problem.variants) * pairs * sum(len(cut.wires) for cut in problem.cuts[:-1])
    return Decision(choice=min(planned)[1], evaluated=looked_at + decision.evaluated)


def _planned(problem: Problem, v: int, variant: Variant) -> tuple[float, Choice] | None:
    """J as J-DOB counts it, and its choice in one variant; None where it finds no schedule in time."""
    alone = replace(problem, slo=Slo(latency_s=problem.slo.latency_s), variants=(variant,))
    group = BatchingProblem(edges=(BatchingEdge(name="user", problem=alone),), batches=())
    with np.errstate(over="ignore", invalid="ignore"):
        case = case_of(group)
        if not np.isfinite(case.batch_j).all():
            raise ProblemError(
                f"variants[{v}].server: joules overflow; expected times and watts whose product stays finite"
            )
        runs = j_dob_runs(case, list(range(len(problem.server.points))))
    if runs is None:
        return None
    if not runs:
        home = at_home(alone)
        return (
            None
            if home is None
            else (
                home[1].energy_j,
                Choice(cut=len(problem.cuts) - 1, wire=0, variant=v, edge_point=home[0], server_point=None),
            )
        )
    placed = timed_schedule(group, runs)
    (run,), (member,) = runs, runs[0].members
    choice = Choice(
        cut=run.cut, wire=member.wire, variant=v, edge_point=member.edge_point, server_point=run.server_point
    )
    return None if placed is None else (placed[0].prices[0].energy_j, choice)
