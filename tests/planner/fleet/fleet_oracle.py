"""The contract's fleet problem read aloud: every point of the server, every choice of every edge, the best shares.

Written from the contract's text, apart from the planner's formulas: plain numbers, one choice at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

from joulecut_core.fleets import Fleet, FleetPlan, Shared
from joulecut_core.problems import Problem, Wire


@dataclass(frozen=True, slots=True)
class Term:
    """One choice of one edge at one server point, all but its share: `uplink_bits` 0 where nothing is sent."""

    key: tuple[int, int, int, int]
    offloaded: bool
    fixed_w: float
    radio_w: float
    uplink_bits: float
    fixed_s: float
    margin_s: float
    load: float
    keeps_rate: bool

    def power_w(self, share_bps: float) -> float:
        """rate * J at a share of the uplink."""
        return self.fixed_w + (self.radio_w * self.uplink_bits / share_bps if self.uplink_bits else 0.0)

    def latency_s(self, share_bps: float) -> float:
        """T at a share of the uplink."""
        return self.fixed_s + (self.uplink_bits / share_bps if self.uplink_bits else 0.0)


def terms(problem: Problem, shared: Shared, j: int) -> list[Term]:
    """The allowed choices of a problem within its accuracy budget at server point j."""
    found = []
    last = len(problem.cuts) - 1
    for c, cut in enumerate(problem.cuts):
        for w, wire in enumerate(cut.wires):
            for v, variant in enumerate(problem.variants):
                loss = variant.accuracy_loss + (wire.accuracy_loss if c != last else 0.0)
                if cut.allowed and loss <= problem.max_accuracy_loss * (1 + 1e-9):
                    found += [term(problem, shared, (c, w, v, i), j) for i in range(len(problem.edge.points))]
    return found


def term(problem: Problem, shared: Shared, key: tuple[int, int, int, int], j: int) -> Term:
    """One choice (cut, wire, variant, edge point) at server point j, by the contract's formulas."""
    c, w, v, i = key
    offloaded = c != len(problem.cuts) - 1
    link, goal, slo = problem.link, problem.objective, problem.slo
    assert slo.rate_hz is not None
    horizon = 1.0 / slo.rate_hz
    edge, server = problem.variants[v].edge, problem.variants[v].server
    wire = problem.cuts[c].wires[w] if offloaded else Wire(codec="none", uplink_bytes=0.0, downlink_bytes=0.0)
    wait_w, idle_w = problem.edge.points[i].wait_w, problem.server.points[j].idle_w
    t_edge, t_server = edge.time_s[c][i], server.time_s[c][j] if offloaded else 0.0
    t_down = 8.0 * wire.downlink_bytes / link.downlink_bps
    edge_j = wait_w * horizon + (edge.busy_w[c][i] - wait_w) * t_edge
    edge_j += wire.encode_w * wire.encode_s + link.downlink_w * t_down
    server_j = 0.0
    deviations = [edge.time_std_s[c][i] if edge.time_std_s else 0.0]
    fixed_s = t_edge
    if offloaded:
        server_j = server.busy_w[c][j] * t_server + wire.decode_w * wire.decode_s
        server_j += goal.server_idle_share * idle_w * (horizon - t_server - wire.decode_s)
        deviations += [server.time_std_s[c][j] if server.time_std_s else 0.0, link.latency_std_s]
        fixed_s += wire.encode_s + link.rtt_s + wire.decode_s + t_server + t_down + shared.server_wait_s
    stages = (t_edge + wire.encode_s, t_down, t_server + wire.decode_s)
    return Term(
        key=key,
        offloaded=offloaded,
        fixed_w=slo.rate_hz * (goal.edge_weight * edge_j + goal.server_weight * server_j),
        radio_w=slo.rate_hz * goal.edge_weight * link.uplink_w,
        uplink_bits=8.0 * wire.uplink_bytes,
        fixed_s=fixed_s,
        margin_s=_factor(problem) * math.sqrt(sum(value * value for value in deviations)),
        load=slo.rate_hz * (t_server + wire.decode_s),
        keeps_rate=max(stages) <= horizon * (1 + 1e-9),
    )


def _factor(problem: Problem) -> float:
    quantile = problem.slo.quantile
    if quantile is None:
        return 0.0
    if problem.slo.margin == "gaussian":
        return NormalDist().inv_cdf(quantile)
    return math.sqrt(quantile / (1.0 - quantile))


def share_range(problem: Problem, shared: Shared, one: Term, tolerance: float) -> tuple[float, float] | None:
    """The shares at which a choice keeps its own bounds, passed by at most `tolerance`; None where there are none."""
    assert problem.slo.rate_hz is not None
    most = min(problem.link.uplink_bps, shared.uplink_bps or math.inf)
    longest = (1 + tolerance) / problem.slo.rate_hz
    if problem.slo.latency_s is not None:
        spare = problem.slo.latency_s * (1 + tolerance) - one.fixed_s - one.margin_s
        longest = min(longest, spare)
    if not one.keeps_rate or longest < 0.0 or one.load > shared.server_utilisation * (1 + tolerance):
        return None
    if not one.uplink_bits:
        return (0.0, most)
    if longest == 0.0 or one.uplink_bits / longest > most:
        return None
    return one.uplink_bits / longest, most


@dataclass(frozen=True, slots=True)
class Best:
    """The least power over everything, and the edges that have nothing feasible even alone."""

    power_w: float
    rejected: frozenset[str]


def best(fleet: Fleet, tolerance: float) -> Best:
    """Exhaustive search; infinite power where the edges that can be served alone cannot be served together."""
    shared, points = fleet.shared, fleet.edges[0].problem.server.points
    menus = [
        [
            [
                (one, span)
                for one in terms(edge.problem, shared, j)
                if (span := share_range(edge.problem, shared, one, tolerance)) is not None
            ]
            for edge in fleet.edges
        ]
        for j in range(len(points))
    ]
    served = [n for n in range(len(fleet.edges)) if any(menu[n] for menu in menus)]
    least = math.inf
    for j, menu in enumerate(menus):
        idle_w = points[j].idle_w if shared.server_idle_w_counts else 0.0
        for chosen in product(*(menu[n] for n in served)):
            load = sum(one.load for one, _ in chosen)
            if load > shared.server_utilisation * (1 + tolerance):
                continue
            base = idle_w * (1.0 - load) + sum(one.fixed_w for one, _ in chosen)
            if base + sum(_radio(one, high) for one, (_, high) in chosen) < least:
                capacity = math.inf if shared.uplink_bps is None else shared.uplink_bps * (1 + tolerance)
                least = min(least, base + least_radio_w(list(chosen), capacity))
    rejected = frozenset(edge.name for n, edge in enumerate(fleet.edges) if n not in served)
    return Best(least, rejected)


def _radio(one: Term, share: float) -> float:
    return one.radio_w * one.uplink_bits / share if one.uplink_bits else 0.0


def least_radio_w(chosen: list[tuple[Term, tuple[float, float]]], capacity: float) -> float:
    """The radios' least watts over all shares, by bisection on the price of a bit per second."""
    sending = [(one, span) for one, span in chosen if one.offloaded and one.uplink_bits]
    if sum(low for _, (low, _) in sending) > capacity:
        return math.inf
    if sum(high for _, (_, high) in sending) <= capacity:
        return sum(_radio(one, high) for one, (_, high) in sending)

    def shares(log_price: float) -> list[float]:
        price = math.exp(log_price)
        return [min(max(math.sqrt(one.radio_w * one.uplink_bits / price), low), high) for one, (low, high) in sending]

    low_price, high_price = -120.0, 60.0
    for _ in range(100):
        middle = 0.5 * (low_price + high_price)
        if sum(shares(middle)) > capacity:
            low_price = middle
        else:
            high_price = middle
    return sum(_radio(one, share) for (one, _), share in zip(sending, shares(high_price), strict=True))


def check_plan(fleet: Fleet, plan: FleetPlan) -> None:
    """Assert that every printed number holds when recomputed from the printed choice, and every bound is kept."""
    shared = fleet.shared
    edges = {edge.name: edge.problem for edge in fleet.edges}
    assert plan.power_w is not None
    assert plan.lower_bound_w is not None
    assert plan.gap is not None
    power_w, load, uplink_bps = 0.0, 0.0, 0.0
    for edge in plan.edges:
        problem, printed = edges[edge.name], edge.plan
        assert printed.status == "optimal"
        assert printed.breakdown is not None
        assert printed.cut is not None
        assert printed.edge_point is not None
        assert problem.slo.rate_hz is not None
        wire = [one.codec for one in problem.cuts[printed.cut].wires].index(printed.codec or "")
        variant = [one.name for one in problem.variants].index(printed.variant or "")
        one = term(problem, shared, (printed.cut, wire, variant, printed.edge_point), plan.server_point or 0)
        assert one.key in {other.key for other in terms(problem, shared, plan.server_point or 0)}
        assert printed.server_point == (plan.server_point if one.offloaded else None)
        assert (edge.uplink_bps > 0.0) == one.offloaded
        share = edge.uplink_bps or 1.0
        assert one.keeps_rate
        assert one.uplink_bits / share <= (1 + 1e-9) / problem.slo.rate_hz
        late_s = one.latency_s(share) + one.margin_s
        assert problem.slo.latency_s is None or late_s <= problem.slo.latency_s * (1 + 1.000001e-9)
        assert edge.uplink_bps <= problem.link.uplink_bps
        near(printed.latency_s, one.latency_s(share))
        near(printed.latency_bound_s, late_s)
        near(problem.slo.rate_hz * (printed.energy_j or 0.0), one.power_w(share))
        stages = printed.breakdown
        wait_s = shared.server_wait_s if one.offloaded else 0.0
        near(
            printed.latency_s,
            math.fsum((stages.t_edge, stages.encode_s, stages.t_up, stages.rtt_s, stages.decode_s, stages.t_server))
            + stages.t_down
            + wait_s,
        )
        near(stages.t_up, one.uplink_bits / share)
        power_w += one.power_w(share)
        load += one.load
        uplink_bps += edge.uplink_bps
    assert load <= shared.server_utilisation * (1 + 1.000001e-9)
    assert shared.uplink_bps is None or uplink_bps <= shared.uplink_bps * (1 + 1.000001e-9)
    if shared.server_idle_w_counts:
        assert plan.server_point is not None
        power_w += fleet.edges[0].problem.server.points[plan.server_point].idle_w * (1.0 - load)
    elif not any(edge.uplink_bps for edge in plan.edges):
        assert plan.server_point is None
    near(plan.power_w, power_w)
    assert plan.lower_bound_w <= plan.power_w
    near(plan.gap * plan.power_w, plan.power_w - plan.lower_bound_w, scale=plan.power_w)


def near(printed: float | None, recomputed: float, *, scale: float = 0.0) -> None:
    """Assert equality to 1e-6, relative to the larger of both and `scale`."""
    assert printed is not None
    assert math.isclose(printed, recomputed, rel_tol=1e-6, abs_tol=1e-6 * scale + 1e-12), (printed, recomputed)
