"""What a choice costs: the formulas of the planning contract, stated once.

The functions take numbers or numpy arrays of them, and add in the contract's order, so that the
vectorised solver and the price of a single choice agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from joulecut_core.plans import Breakdown
from joulecut_core.problems import Link, Objective, Problem, Slo, Table, Wire

Values: TypeAlias = "float | NDArray[np.float64]"
"""A number, or numbers of many choices at once; arrays broadcast."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Choice:
    """Indices of cut, wire, variant, edge point and server point (None where nothing is offloaded).

    Sorts in the order that breaks the contract's last tie.
    """

    cut: int
    wire: int
    variant: int
    edge_point: int
    server_point: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Seconds of every stage between the two parts, and the watts drawn on top meanwhile; all 0 at the last cut."""

    encode_s: Values = 0.0
    t_up: Values = 0.0
    rtt_s: Values = 0.0
    decode_s: Values = 0.0
    t_down: Values = 0.0
    latency_std_s: Values = 0.0
    encode_w: Values = 0.0
    uplink_w: Values = 0.0
    downlink_w: Values = 0.0
    decode_w: Values = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One side's part of a request: mean seconds, their spread, watts meanwhile, watts otherwise; 0 where idle."""

    time_s: Values = 0.0
    std_s: Values = 0.0
    busy_w: Values = 0.0
    idle_w: Values = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """T, T_q, J and both energies of one choice; `slowest_stage_s` is what a rate has to sustain."""

    latency_s: float
    latency_bound_s: float
    energy_j: float
    edge_energy_j: float
    server_energy_j: float
    slowest_stage_s: float
    accuracy_loss: float
    breakdown: Breakdown


def margin_factor(slo: Slo) -> float:
    """z: how many standard deviations the quantile adds; 0 without one.

    Cantelli's bound holds for every distribution, the inverse normal CDF for a Gaussian one only.
    """
    return 0.0 if slo.quantile is None else _margin_factor(slo.quantile, slo.margin)


@lru_cache
def _margin_factor(quantile: float, margin: str) -> float:
    if margin == "gaussian":
        return NormalDist().inv_cdf(quantile)
    return math.sqrt(quantile / (1.0 - quantile))


def transfer_s(size_bytes: Values, rate_bps: float) -> Values:
    """Seconds that a payload spends on the link."""
    return 8.0 * size_bytes / rate_bps


def latency_s(edge: Part, server: Part, crossing: Crossing) -> Values:
    """T: seconds from request to answer, means of all stages."""
    return (
        edge.time_s
        + crossing.encode_s
        + crossing.t_up
        + crossing.rtt_s
        + crossing.decode_s
        + server.time_s
        + crossing.t_down
    )


def latency_bound_s(mean_s: Values, factor: float, edge: Part, server: Part, crossing: Crossing) -> Values:
    """T_q: T plus `factor` standard deviations of independent parts and link, in seconds."""
    if factor == 0.0:
        return mean_s
    variance = edge.std_s * edge.std_s + server.std_s * server.std_s + crossing.latency_std_s * crossing.latency_std_s
    return mean_s + factor * np.sqrt(variance)


def period_s(slo: Slo, mean_s: Values) -> Values:
    """H: what one request answers for; its period where a rate is set, else the time until its answer."""
    return mean_s if slo.rate_hz is None else 1.0 / slo.rate_hz


def edge_energy_j(edge: Part, crossing: Crossing, horizon_s: Values) -> Values:
    """E_edge: waiting over the whole of H, computing, encoding and the radio on top of it."""
    return (
        edge.idle_w * horizon_s
        + (edge.busy_w - edge.idle_w) * edge.time_s
        + crossing.encode_w * crossing.encode_s
        + crossing.uplink_w * crossing.t_up
        + crossing.downlink_w * crossing.t_down
    )


def server_energy_j(server: Part, crossing: Crossing, horizon_s: Values, idle_share: float) -> Values:
    """E_server: computing, decoding, and this pair's share of what the server idles away in H."""
    return (
        server.busy_w * server.time_s
        + crossing.decode_w * crossing.decode_s
        + idle_share * server.idle_w * (horizon_s - server.time_s - crossing.decode_s)
    )


def weighted_j(objective: Objective, edge_j: Values, server_j: Values) -> Values:
    """J: what the plan minimises."""
    return objective.edge_weight * edge_j + objective.server_weight * server_j


def crossing_of(wire: Wire, link: Link) -> Crossing:
    """The stages between the parts for one wire over one link."""
    return Crossing(
        encode_s=wire.encode_s,
        t_up=transfer_s(wire.uplink_bytes, link.uplink_bps),
        rtt_s=link.rtt_s,
        decode_s=wire.decode_s,
        t_down=transfer_s(wire.downlink_bytes, link.downlink_bps),
        latency_std_s=link.latency_std_s,
        encode_w=wire.encode_w,
        uplink_w=link.uplink_w,
        downlink_w=link.downlink_w,
        decode_w=wire.decode_w,
    )


def price(problem: Problem, choice: Choice, *, link: Link | None = None) -> Price:
    """The full cost of one choice, in seconds and joules; over `link` in place of the problem's own where given."""
    cut, variant = problem.cuts[choice.cut], problem.variants[choice.variant]
    point = choice.edge_point
    edge = Part(
        time_s=variant.edge.time_s[choice.cut][point],
        std_s=_spread(variant.edge.time_std_s, choice.cut, point),
        busy_w=variant.edge.busy_w[choice.cut][point],
        idle_w=problem.edge.points[point].wait_w,
    )
    server, crossing, wire_loss = Part(), Crossing(), 0.0
    if choice.server_point is not None:
        point = choice.server_point
        server = Part(
            time_s=variant.server.time_s[choice.cut][point],
            std_s=_spread(variant.server.time_std_s, choice.cut, point),
            busy_w=variant.server.busy_w[choice.cut][point],
            idle_w=problem.server.points[point].idle_w,
        )
        crossing = crossing_of(cut.wires[choice.wire], problem.link if link is None else link)
        wire_loss = cut.wires[choice.wire].accuracy_loss
    return price_parts(problem, edge, server, crossing, accuracy_loss=variant.accuracy_loss + wire_loss)


def price_parts(problem: Problem, edge: Part, server: Part, crossing: Crossing, *, accuracy_loss: float) -> Price:
    """The cost of two parts and what lies between, under `problem`'s objective and service level."""
    figures = cost_figures(problem, edge, server, crossing)
    return price_of(tuple(map(float, figures)), accuracy_loss)


def cost_figures(problem: Problem, edge: Part, server: Part, crossing: Crossing) -> tuple[Values, ...]:
    """What a `Price` is made of: T, T_q, J, both energies, the four stages of a rate, the breakdown's fields."""
    mean_s = latency_s(edge, server, crossing)
    horizon_s = period_s(problem.slo, mean_s)
    share = problem.objective.server_idle_share
    edge_j = edge_energy_j(edge, crossing, horizon_s)
    server_j = server_energy_j(server, crossing, horizon_s, share)
    return (
        mean_s,
        latency_bound_s(mean_s, margin_factor(problem.slo), edge, server, crossing),
        weighted_j(problem.objective, edge_j, server_j),
        edge_j,
        server_j,
        edge.time_s + crossing.encode_s,
        crossing.t_up,
        crossing.t_down,
        server.time_s + crossing.decode_s,
        edge.time_s,
        crossing.encode_s,
        crossing.t_up,
        crossing.rtt_s,
        crossing.decode_s,
        server.time_s,
        crossing.t_down,
        edge.busy_w * edge.time_s,
        edge.idle_w * (horizon_s - edge.time_s),
        crossing.encode_w * crossing.encode_s,
        crossing.uplink_w * crossing.t_up + crossing.downlink_w * crossing.t_down,
        server.busy_w * server.time_s,
        crossing.decode_w * crossing.decode_s,
        share * server.idle_w * (horizon_s - server.time_s - crossing.decode_s),
    )


def price_of(figures: Sequence[float], accuracy_loss: float) -> Price:
    """The price that `cost_figures` of one choice are."""
    mean_s, bound_s, energy_j, edge_j, server_j, *rest = figures
    return Price(
        latency_s=mean_s,
        latency_bound_s=bound_s,
        energy_j=energy_j,
        edge_energy_j=edge_j,
        server_energy_j=server_j,
        slowest_stage_s=max(rest[:4]),
        accuracy_loss=accuracy_loss,
        breakdown=Breakdown(
            t_edge=rest[4],
            encode_s=rest[5],
            t_up=rest[6],
            rtt_s=rest[7],
            decode_s=rest[8],
            t_server=rest[9],
            t_down=rest[10],
            edge_busy_j=rest[11],
            edge_wait_j=rest[12],
            encode_j=rest[13],
            radio_j=rest[14],
            server_busy_j=rest[15],
            decode_j=rest[16],
            server_idle_j=rest[17],
        ),
    )


def _spread(table: Table | None, cut: int, point: int) -> float:
    return 0.0 if table is None else table[cut][point]
