"""DADS on a graph of blocks: the closed set of least mean latency, both sides at their top clocks.

Source: Hu, Bao, Wang, Liu, Dynamic adaptive DNN surgery for inference acceleration on the edge, IEEE INFOCOM
2019, the light-load rule. The paper knows one wire; here it takes the fastest within the accuracy budget.
"""

from __future__ import annotations

from dataclasses import dataclass

from joulecut_core.problems import EdgePoint, ServerPoint
from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.closed_sets.cut_problem import membership, raw_bytes
from joulecut_planner.closed_sets.dag_problem import DagProblem
from joulecut_planner.closed_sets.enumeration import mask_of
from joulecut_planner.closed_sets.least_set import SetCutter
from joulecut_planner.closed_sets.linear_costs import CostModel


@dataclass(frozen=True, slots=True, kw_only=True)
class DadsCut:
    """What DADS chooses: the edge's blocks (bit mask), the wire, and the latency it expects.

    `wire` and `server_point` are None where everything stays on the edge.
    """

    mask: int
    wire: int | None
    edge_point: int
    server_point: int | None
    latency_s: float

    def choice(self, masks: tuple[int, ...]) -> Choice:
        """This cut in a problem whose cuts are `masks`, its own among them."""
        return Choice(
            cut=masks.index(self.mask),
            wire=self.wire or 0,
            variant=0,
            edge_point=self.edge_point,
            server_point=self.server_point,
        )


def dads_cut(problem: DagProblem) -> DadsCut:
    """The cut of least mean latency T at top clocks; everything on the edge where that is as fast."""
    graph = problem.graph
    model, cutter, everything = CostModel(problem), SetCutter(graph), mask_of(graph.everything)
    edge_point, server_point = top_point(problem.edge.points), top_point(problem.server.points)
    home_s = float(model.latency(0, server_point).edge[edge_point].sum())
    best = DadsCut(mask=everything, wire=None, edge_point=edge_point, server_point=None, latency_s=home_s)
    for wire, rule in enumerate(problem.wires):
        if rule.accuracy_loss > limit(problem.max_accuracy_loss):
            continue
        cost = model.latency(wire, server_point).at(edge_point)
        mask = cutter.least(cost).mask
        inside = membership((mask,), len(graph.blocks))
        latency_s = float(cost.of(inside, raw_bytes(graph, inside))[0])
        # The whole network with its answer sent is never faster than without.
        if mask != everything and latency_s < best.latency_s:
            best = DadsCut(mask=mask, wire=wire, edge_point=edge_point, server_point=server_point, latency_s=latency_s)
    return best


def top_point(points: tuple[EdgePoint, ...] | tuple[ServerPoint, ...]) -> int:
    """The index of the highest clocks, the memory's first."""
    return max(range(len(points)), key=lambda index: (points[index].memory_mhz or 0.0, points[index].core_mhz))
