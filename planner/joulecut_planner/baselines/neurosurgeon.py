"""Neurosurgeon: the layer after which to cut, for least latency or least mobile energy.

Source: Kang, Hauswald, Gao, Rovinski, Mudge, Mars, Tang, Neurosurgeon: collaborative intelligence
between the cloud and mobile edge, ASPLOS 2017. It evaluates every cut of a chain of layers with
predicted times of both sides and the present bandwidth, and takes the best for one of two goals. It
has no deadline, no rate and no clocks: as published it may break either, and that is not repaired.

What the paper leaves open, and the choice here:

- clocks: both sides run at their top clocks;
- prediction: the paper's regressions are replaced by the problem's own tables, which can only help it;
- wires and variants: it takes the best of what is on offer within the accuracy budget;
- the phone's energy while it waits for the answer, which the paper leaves out: counted, as in E_edge.
"""

from __future__ import annotations

from joulecut_core.problems import Problem
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.baselines.candidates import top_clocks

SOURCE = "Kang et al., Neurosurgeon, ASPLOS 2017"


def least_latency(problem: Problem) -> Decision:
    """The cut of least mean latency T at top clocks, blind to the service level."""
    offered = top_clocks(problem)
    return offered.best(offered.latency_s)


def least_edge_energy(problem: Problem) -> Decision:
    """The cut of least E_edge at top clocks, blind to the service level and to the server's energy."""
    offered = top_clocks(problem)
    return offered.best(offered.edge_energy_j)
