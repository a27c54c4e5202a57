"""What one edge can do at each operating point of the server, and what it takes of what the fleet shares.

With a rate H is fixed, so an edge's power depends on its share x of the uplink only through the radio:
an offer draws power_w + radio_w_bps / x, for any x from least_bps to the edge's most_bps, and keeps the
server busy for `load` of its time. Offers that another one beats in all four numbers are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.fleets import Shared
from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import keeps_accuracy, limit
from joulecut_planner.choices.grids import Array, Grids, Indices, grids_of, read_only
from joulecut_planner.choices.groups import Groups, edge_part, groups_of, price_many, server_part
from joulecut_planner.choices.pricing import (
    Choice,
    Crossing,
    Part,
    edge_energy_j,
    server_energy_j,
    transfer_s,
)
from joulecut_planner.fleet.dominance import undominated, undominated_rows
from joulecut_planner.fleet.stages import Stages, most_bps_of, rate_hz_of, times_at, waited_bound_s
from joulecut_planner.fleet.worth import Prices, shares_bps, worths_w

LOCAL = -1
"""The code of the offer that stays on the edge."""

_ALL = slice(None)

_CAREFUL = 2e-15
"""Relative to the deadline: how much later than computed an answer may come, so that rounding never forbids a share."""


@dataclass(frozen=True, slots=True)
class Offers:
    """One edge's offers, ordered by server point: those of point j are start[j] to start[j + 1].

    The arrays from `power_w` to `code` are of shape (offers,); `code` is group * edge points + edge point, or
    LOCAL for the best choice that stays on the edge, which is offered at every server point; `local` is None
    where none is feasible. `cut`, `wire` and `variant` are those of each group. `priced` counts the choices
    that were looked at.
    """

    start: Indices
    power_w: Array
    radio_w_bps: Array
    least_bps: Array
    load: Array
    code: Indices
    most_bps: float
    local: Choice | None
    cut: Indices
    wire: Indices
    variant: Indices
    edge_points: int
    priced: int

    @property
    def is_empty(self) -> bool:
        """Whether the edge has nothing feasible at any server point."""
        return not self.power_w.size

    def worth_w(self, server_point: int, prices: Prices) -> Array:
        """What each offer at a server point costs at `prices`; its first is number start[server_point]."""
        span = slice(int(self.start[server_point]), int(self.start[server_point + 1]))
        radio_w_bps = self.radio_w_bps[span]
        share_bps = shares_bps(radio_w_bps, self.least_bps[span], self.most_bps, prices.uplink_w_bps)
        return worths_w(self.power_w[span], radio_w_bps, self.load[span], share_bps, prices)

    def choice(self, offer: int, server_point: int) -> Choice:
        """The choice behind an offer at a server point."""
        code = int(self.code[offer])
        if code == LOCAL and self.local is not None:
            return self.local
        group, edge_point = divmod(code, self.edge_points)
        return Choice(
            cut=int(self.cut[group]),
            wire=int(self.wire[group]),
            variant=int(self.variant[group]),
            edge_point=edge_point,
            server_point=server_point,
        )


def offers_of(problem: Problem, shared: Shared) -> Offers:
    """Every offer of a problem with a rate that keeps its service level alone in a fleet that shares `shared`."""
    grids = grids_of(problem)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        local, local_w = _local(problem, grids)
        remote = _remote(problem, grids, shared, local_w)
    points = len(grids.idle_w)
    if local is None:
        counts = np.bincount(remote.server_point, minlength=points)
        columns = (remote.power_w, remote.radio_w_bps, remote.least_bps, remote.load, remote.code)
    else:
        counts = np.bincount(remote.server_point, minlength=points) + 1
        firsts = np.searchsorted(remote.server_point, np.arange(points))
        columns = (
            np.insert(remote.power_w, firsts, local_w),
            np.insert(remote.radio_w_bps, firsts, 0.0),
            np.insert(remote.least_bps, firsts, 0.0),
            np.insert(remote.load, firsts, 0.0),
            np.insert(remote.code, firsts, LOCAL),
        )
    power_w, radio_w_bps, least_bps, load, code = columns
    return Offers(
        start=read_only(np.concatenate(([0], np.cumsum(counts)))),
        power_w=power_w,
        radio_w_bps=radio_w_bps,
        least_bps=least_bps,
        load=load,
        code=code,
        most_bps=most_bps_of(problem, shared),
        local=local,
        cut=remote.groups.cut,
        wire=remote.groups.wire,
        variant=remote.groups.variant,
        edge_points=len(problem.edge.points),
        priced=remote.priced + len(problem.variants) * len(problem.edge.points),
    )


def _local(problem: Problem, grids: Grids) -> tuple[Choice | None, float]:
    """The best choice that stays on the edge and its watts; infinite where there is none."""
    last = grids.cuts - 1
    best, best_w = None, np.inf
    if not problem.cuts[last].allowed:
        return best, best_w
    for v, variant in enumerate(problem.variants):
        if not keeps_accuracy(problem, variant.accuracy_loss):
            continue
        costs = price_many(problem, edge_part(grids, v * grids.cuts + last, _ALL), Part(), Crossing())
        power_w = np.where(costs.feasible, rate_hz_of(problem) * costs.energy_j, np.inf)
        point = int(power_w.argmin())
        if power_w[point] < best_w:
            best_w = float(power_w[point])
            best = Choice(cut=last, wire=0, variant=v, edge_point=point, server_point=None)
    return best, best_w


@dataclass(frozen=True, slots=True)
class _Remote:
    """Offers that use the server, flat, ordered by server point."""

    server_point: Indices
    power_w: Array
    radio_w_bps: Array
    least_bps: Array
    load: Array
    code: Indices
    groups: Groups
    priced: int


def _remote(problem: Problem, grids: Grids, shared: Shared, local_w: float) -> _Remote:
    rate_hz, most_bps = rate_hz_of(problem), most_bps_of(problem, shared)
    groups = groups_of(problem, grids, keep_rate=True)
    stages = Stages.of(grids, groups)
    uplink_bytes = stages.uplink_bytes
    edge, server = edge_part(grids, groups.row, _ALL), server_part(grids, groups.row, _ALL)
    edge_w, server_w, load = _powers(problem, shared, edge, server, stages.crossing)
    radio_w_bps = rate_hz * problem.objective.edge_weight * problem.link.uplink_w * 8.0 * uplink_bytes
    edge_w[~undominated_rows(edge_w, np.asarray(edge.time_s), np.asarray(edge.std_s))] = np.inf
    # The uplink's own joules at the largest share are the least that an offer can spend on its radio.
    least_radio_w = radio_w_bps / most_bps
    t_up = np.asarray(transfer_s(uplink_bytes, most_bps))
    server_w[~(t_up <= limit(1.0 / rate_hz))] = np.inf
    power_w = server_w.T[:, :, None] + edge_w[None, :, :]
    worth = power_w + least_radio_w[None, :, None] < local_w
    j, g, i = np.nonzero(worth)
    bound_s = waited_bound_s(problem, shared, times_at(edge, g, i), times_at(server, g, j), stages.at(g, t_up))
    deadline_s = np.inf if problem.slo.latency_s is None else problem.slo.latency_s
    # Where times overflow the difference is not a number, and no offer.
    spare_s = limit(deadline_s) - bound_s
    in_time = np.flatnonzero((spare_s >= 0.0) & np.isfinite(power_w[j, g, i]))
    j, g, i = j[in_time], g[in_time], i[in_time]
    longest_s = np.minimum(limit(1.0 / rate_hz), t_up[g] + spare_s[in_time] + _CAREFUL * deadline_s)
    sent_bits = 8.0 * uplink_bytes[g]
    least_bps = np.minimum(np.divide(sent_bits, longest_s, out=np.zeros(g.size), where=sent_bits > 0.0), most_bps)
    remote = (power_w[j, g, i], radio_w_bps[g], least_bps, load[g, j])
    kept = undominated(j, *remote)
    return _Remote(
        server_point=j[kept],
        power_w=remote[0][kept],
        radio_w_bps=remote[1][kept],
        least_bps=remote[2][kept],
        load=remote[3][kept],
        code=(g * len(problem.edge.points) + i)[kept],
        groups=groups,
        priced=power_w.size,
    )


def _powers(
    problem: Problem, shared: Shared, edge: Part, server: Part, crossing: Crossing
) -> tuple[Array, Array, Array]:
    """Weighted watts of edge and server, infinite where a side is too slow, and the server's load.

    Shapes (groups, edge points), (groups, server points), (groups, server points).
    """
    rate_hz, weights = rate_hz_of(problem), problem.objective
    horizon_s = 1.0 / rate_hz
    edge_w = np.asarray(rate_hz * weights.edge_weight * edge_energy_j(edge, crossing, horizon_s))
    joules = server_energy_j(server, crossing, horizon_s, weights.server_idle_share)
    load = np.asarray(rate_hz * (server.time_s + crossing.decode_s))
    server_w = np.asarray(rate_hz * weights.server_weight * joules)
    if shared.server_idle_w_counts:
        server_w = server_w - server.idle_w * load
    edge_w = np.where(edge.time_s + crossing.encode_s <= limit(horizon_s), edge_w, np.inf)
    keeps_up = (server.time_s + crossing.decode_s <= limit(horizon_s)) & (load <= limit(shared.server_utilisation))
    return edge_w, np.where(keeps_up, server_w, np.inf), load
