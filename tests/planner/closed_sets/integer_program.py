"""The least J over all offloaded closed sets as an integer program: an oracle where brute force is too slow."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from joulecut_core.block_graphs import INPUT
from joulecut_planner.closed_sets import DagProblem
from joulecut_planner.closed_sets.linear_costs import CostModel


def least_offloaded_j(problem: DagProblem) -> float:
    """The optimum over every wire and pair of clocks of a problem without rate and quantile; infinite without one."""
    blocks, tensors = len(problem.graph.blocks), len(problem.graph.tensors)
    sizes = np.array([tensor.size_bytes for tensor in problem.graph.tensors], dtype=np.float64)
    rows, least = _structure(problem)
    model, best_j = CostModel(problem), math.inf
    for wire in range(len(problem.wires)):
        for j in range(len(problem.server.points)):
            for i in range(len(problem.edge.points)):
                energy, latency = model.energy(wire, j).at(i), model.latency(wire, j).at(i)
                in_time = np.concatenate((latency.edge - latency.server, latency.per_byte * sizes))
                left_s = (problem.slo.latency_s or math.inf) - latency.constant - latency.server.sum()
                result = milp(
                    np.concatenate((energy.edge - energy.server, energy.per_byte * sizes)),
                    constraints=[
                        LinearConstraint(rows, least, math.inf),
                        LinearConstraint(in_time[None, :], -math.inf, left_s),
                        LinearConstraint(np.repeat((1.0, 0.0), (blocks, tensors))[None, :], 0.0, blocks - 1.0),
                    ],
                    integrality=np.ones(blocks + tensors, dtype=np.int64),
                    bounds=Bounds(0.0, 1.0),
                )
                if result.fun is not None:
                    best_j = min(best_j, float(result.fun) + energy.constant + float(energy.server.sum()))
    return best_j


def _structure(problem: DagProblem) -> tuple[np.ndarray, list[float]]:
    """Rows over (block on the edge, tensor crosses) and the least each may be."""
    blocks, tensors = len(problem.graph.blocks), len(problem.graph.tensors)
    rows: list[np.ndarray] = []
    least: list[float] = []
    for index, tensor in enumerate(problem.graph.tensors):
        given = tensor.producer == INPUT
        for consumer in tensor.consumers:
            crosses = np.zeros(blocks + tensors)
            crosses[[blocks + index, consumer]] = 1.0
            if not given:
                crosses[tensor.producer] = -1.0
                closed = np.zeros(blocks + tensors)
                closed[[tensor.producer, consumer]] = 1.0, -1.0
                rows.append(closed)
                least.append(0.0)
            rows.append(crosses)
            least.append(1.0 if given else 0.0)
        if tensor.leaves and not given:
            answered = np.zeros(blocks + tensors)
            answered[[blocks + index, tensor.producer]] = 1.0, -1.0
            rows.append(answered)
            least.append(0.0)
    return np.array(rows), least
