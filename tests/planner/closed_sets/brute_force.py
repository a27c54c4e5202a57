"""The planning contract on a graph of blocks, written out: every subset of blocks, wire and pair of clocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from joulecut_core.block_graphs import INPUT, BlockGraph
from joulecut_planner.closed_sets import DagProblem, WireRule

_LOOSE = 1.0 + 1e-9


@dataclass(frozen=True)
class Priced:
    """One choice; `wire` is None where everything runs on the edge."""

    blocks: frozenset[int]
    wire: int | None
    energy_j: float
    latency_s: float
    bound_s: float
    feasible: bool


def every_closed_set(graph: BlockGraph) -> list[frozenset[int]]:
    """All subsets of blocks in which nobody reads what is made outside."""
    count = len(graph.blocks)
    subsets = (frozenset(chosen) for size in range(count + 1) for chosen in combinations(range(count), size))
    return [
        subset
        for subset in subsets
        if not any(
            tensor.producer != INPUT and tensor.producer not in subset and subset & set(tensor.consumers)
            for tensor in graph.tensors
        )
    ]


def crossing_bytes(graph: BlockGraph, inside: frozenset[int]) -> int:
    """What the other side needs, each tensor once."""
    if len(inside) == len(graph.blocks):
        return 0
    total = 0
    for tensor in graph.tensors:
        here = tensor.producer == INPUT or tensor.producer in inside
        wanted = tensor.leaves or any(block not in inside for block in tensor.consumers)
        if here and (wanted or not inside):
            total += tensor.size_bytes
    return total


def every_choice(problem: DagProblem) -> Iterator[Priced]:
    """All choices within the accuracy budget, priced by the contract's formulas."""
    for inside in every_closed_set(problem.graph):
        for i in range(len(problem.edge.points)):
            if len(inside) == len(problem.graph.blocks):
                yield _at_home(problem, inside, i)
                continue
            for w, rule in enumerate(problem.wires):
                if rule.accuracy_loss <= problem.max_accuracy_loss:
                    for j in range(len(problem.server.points)):
                        yield _offloaded(problem, inside, w, rule, i, j)


def _at_home(problem: DagProblem, inside: frozenset[int], i: int) -> Priced:
    slo, wait_w = problem.slo, problem.edge.points[i].wait_w
    t_edge = math.fsum(row[i] for row in problem.edge_blocks.time_s)
    busy_j = math.fsum(t[i] * w[i] for t, w in zip(problem.edge_blocks.time_s, problem.edge_blocks.busy_w, strict=True))
    period_s = 1 / slo.rate_hz if slo.rate_hz else t_edge
    energy_j = problem.objective.edge_weight * (wait_w * (period_s - t_edge) + busy_j)
    feasible = t_edge <= (slo.latency_s or math.inf) * _LOOSE
    feasible &= slo.rate_hz is None or t_edge <= _LOOSE / slo.rate_hz
    return Priced(inside, None, energy_j, t_edge, t_edge, feasible)


def _offloaded(problem: DagProblem, inside: frozenset[int], w: int, rule: WireRule, i: int, j: int) -> Priced:
    slo, link, objective = problem.slo, problem.link, problem.objective
    edge, server = problem.edge_blocks, problem.server_blocks
    outside = problem.graph.everything - inside
    t_edge = math.fsum(edge.time_s[b][i] for b in inside)
    t_server = math.fsum(server.time_s[b][j] for b in outside)
    edge_j = math.fsum(edge.time_s[b][i] * edge.busy_w[b][i] for b in inside)
    server_j = math.fsum(server.time_s[b][j] * server.busy_w[b][j] for b in outside)
    raw = crossing_bytes(problem.graph, inside)
    encode_s = rule.encode_s + raw * rule.encode_s_per_byte
    decode_s = rule.decode_s + raw * rule.decode_s_per_byte
    t_up = 8 * (raw * rule.share + rule.envelope_bytes) / link.uplink_bps
    reply = sum(tensor.size_bytes for tensor in problem.graph.tensors if tensor.leaves)
    t_down = 8 * (reply + rule.envelope_bytes) / link.downlink_bps
    latency_s = t_edge + encode_s + t_up + link.rtt_s + decode_s + t_server + t_down
    z = math.sqrt(slo.quantile / (1 - slo.quantile)) if slo.quantile else 0.0
    bound_s = latency_s + z * link.latency_std_s
    period_s = 1 / slo.rate_hz if slo.rate_hz else latency_s
    wait_w, idle_w = problem.edge.points[i].wait_w, problem.server.points[j].idle_w
    e_edge = wait_w * (period_s - t_edge) + edge_j + rule.encode_w * encode_s
    e_edge += link.uplink_w * t_up + link.downlink_w * t_down
    e_server = server_j + rule.decode_w * decode_s
    e_server += objective.server_idle_share * idle_w * (period_s - t_server - decode_s)
    feasible = bound_s <= (slo.latency_s or math.inf) * _LOOSE
    if slo.rate_hz:
        feasible &= max(t_edge + encode_s, t_up, t_down, t_server + decode_s) <= _LOOSE / slo.rate_hz
    energy_j = objective.edge_weight * e_edge + objective.server_weight * e_server
    return Priced(inside, w, energy_j, latency_s, bound_s, feasible)
