"""DADS, dynamic adaptive DNN surgery: least delay under light load, most throughput under heavy load.

Source: Hu, Bao, Wang, Liu, Dynamic adaptive DNN surgery for inference acceleration on the edge, IEEE
INFOCOM 2019. Light load (DSL) minimises the sum of edge, transfer and cloud time of one frame, which is
a minimum cut of the network's graph; heavy load (DSH) minimises the longest of the three stages, by an
approximation of ratio 3, as the problem is NP-hard on graphs. DADS runs DSL and turns to DSH where
DSL's longest stage does not end before the next frame comes.

What the paper leaves open, and the choice here:

- a problem's cuts are a chain of prefixes, on which the minimum cut is the best prefix and DSH can be
  solved exactly: both are, so this DSH is at least as good as the published one;
- stages: the four that a rate is checked against (edge, up, down, server, codecs included), not three;
- clocks: both sides run at their top clocks; energy is no goal of the paper, nor is a deadline;
- wires and variants: it takes the best of what is on offer within the accuracy budget.

On a chain DSL and Neurosurgeon's latency goal are the same rule, so their rows are equal.
"""

from __future__ import annotations

from joulecut_core.problems import Problem
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.baselines.candidates import top_clocks
from joulecut_planner.choices.pricing import price

SOURCE = "Hu et al., DADS, INFOCOM 2019"


def light(problem: Problem) -> Decision:
    """The cut of least mean latency T at top clocks (DSL on a chain)."""
    offered = top_clocks(problem)
    return offered.best(offered.latency_s)


def heavy(problem: Problem) -> Decision:
    """The cut whose slowest stage is fastest at top clocks (DSH's goal on a chain, solved exactly)."""
    offered = top_clocks(problem)
    return offered.best(offered.slowest_stage_s)


def dads(problem: Problem) -> Decision:
    """Light where its slowest stage ends within the period, else heavy; without a rate the load is light."""
    decision = light(problem)
    rate_hz = problem.slo.rate_hz
    if decision.choice is None or rate_hz is None:
        return decision
    if price(problem, decision.choice).slowest_stage_s < 1.0 / rate_hz:
        return decision
    return heavy(problem)
