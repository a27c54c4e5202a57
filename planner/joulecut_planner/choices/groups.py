"""The offloaded choices of a problem by group: a cut, a wire and a variant; within one, any pair of clocks.

Pricing many choices of one group, or one choice of many groups, is a handful of array operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import Link, Problem
from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array, Grids, Indices, SideGrid
from joulecut_planner.choices.pricing import (
    Choice,
    Crossing,
    Part,
    edge_energy_j,
    latency_bound_s,
    latency_s,
    margin_factor,
    period_s,
    server_energy_j,
    transfer_s,
    weighted_j,
)


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups in the order of (cut, wire, variant): everything that they differ by, gathered in two arrays.

    `ids`, of shape (4, groups): cut, wire, variant, and the row that finds a group in the side grids.
    `stages`, of shape (8, groups): the seconds and watts of what lies between the parts (as in `Crossing`:
    encode_s, t_up, decode_s, t_down, encode_w, decode_w), all of T but the two parts, and all of J
    (weighted) that depends on neither clock. `link`: what they share.
    """

    ids: Indices
    stages: Array
    link: Link

    def __len__(self) -> int:
        return len(self.ids[0])

    @property
    def cut(self) -> Indices:
        """Shape (groups,)."""
        column: Indices = self.ids[0]
        return column

    @property
    def wire(self) -> Indices:
        """Shape (groups,)."""
        column: Indices = self.ids[1]
        return column

    @property
    def variant(self) -> Indices:
        """Shape (groups,)."""
        column: Indices = self.ids[2]
        return column

    @property
    def row(self) -> Indices:
        """Row of the side grids; shape (groups,)."""
        column: Indices = self.ids[3]
        return column

    @property
    def between_s(self) -> Array:
        """All of T but the two parts, in seconds; shape (groups,)."""
        column: Array = self.stages[6]
        return column

    @property
    def carried_j(self) -> Array:
        """All of J (weighted) that depends on neither clock, in joules; shape (groups,)."""
        column: Array = self.stages[7]
        return column

    @property
    def crossing(self) -> Crossing:
        """The stages between the parts of every group, as arrays of shape (groups,)."""
        return self._crossing(self.stages)

    def follow(self, choice: Choice) -> NDArray[np.bool_]:
        """Which groups come after `choice` in the contract's order of indices."""
        wire = (self.wire > choice.wire) | ((self.wire == choice.wire) & (self.variant > choice.variant))
        after: NDArray[np.bool_] = (self.cut > choice.cut) | ((self.cut == choice.cut) & wire)
        return after

    def crossing_of(self, groups: Indices) -> Crossing:
        """The stages between the parts of some groups, as arrays of the shape of `groups`."""
        return self._crossing(self.stages.take(groups, axis=1))

    def crossing_columns(self) -> Crossing:
        """The stages between the parts of every group, as arrays of shape (groups, 1), to go with its points."""
        return self._crossing(self.stages[:, :, None])

    def crossing_at(self, group: int) -> Crossing:
        """The stages between the parts of one group, as numbers."""
        return self._crossing(self.stages[:, group].tolist())

    def only(self, kept: Indices) -> Groups:
        """Some of the groups, in the order of `kept`."""
        return Groups(self.ids.take(kept, axis=1), self.stages.take(kept, axis=1), self.link)

    def _crossing(self, stages: Array | list[float]) -> Crossing:
        link = self.link
        return Crossing(
            encode_s=stages[0],
            t_up=stages[1],
            rtt_s=link.rtt_s,
            decode_s=stages[2],
            t_down=stages[3],
            latency_std_s=link.latency_std_s,
            encode_w=stages[4],
            uplink_w=link.uplink_w,
            downlink_w=link.downlink_w,
            decode_w=stages[5],
        )


@dataclass(frozen=True, slots=True)
class Costs:
    """J, T_q and feasibility of many choices at once, all of one shape."""

    energy_j: Array
    bound_s: Array
    feasible: NDArray[np.bool_]

    def only(self, kept: Indices) -> Costs:
        """Some of the choices; of flat arrays."""
        return Costs(self.energy_j[kept], self.bound_s[kept], self.feasible[kept])


def groups_of(problem: Problem, grids: Grids, *, keep_rate: bool) -> Groups:
    """The groups that are allowed and within the accuracy budget; with `keep_rate`, whose transfers keep up with it."""
    wires, link, weights = grids.wires, problem.link, problem.objective
    t_up = np.asarray(transfer_s(wires.uplink_bytes, link.uplink_bps))
    t_down = np.asarray(transfer_s(wires.downlink_bytes, link.downlink_bps))
    between_s = wires.encode_s + t_up + link.rtt_s + wires.decode_s + t_down
    usable = wires.allowed & np.isfinite(between_s)
    if keep_rate and problem.slo.rate_hz is not None:
        longest_s = limit(1.0 / problem.slo.rate_hz)
        usable &= (t_up <= longest_s) & (t_down <= longest_s)
    losses = np.array([variant.accuracy_loss for variant in problem.variants])
    kept = usable[:, None] & (losses[None, :] + wires.accuracy_loss[:, None] <= limit(problem.max_accuracy_loss))
    flat, variant = kept.nonzero()
    cut = wires.cut[flat]
    ids = np.array((cut, wires.wire[flat], variant, variant * grids.cuts + cut))
    # The last column takes what is carried, which only groups that are kept can afford to compute.
    columns = (wires.encode_s, t_up, wires.decode_s, t_down, wires.encode_w, wires.decode_w, between_s, between_s)
    stages = np.array(columns).take(flat, axis=1)
    encode_s, t_up, decode_s, t_down, encode_w, decode_w, _, _ = stages
    stages[7] = weights.edge_weight * (
        encode_w * encode_s + link.uplink_w * t_up + link.downlink_w * t_down
    ) + weights.server_weight * (decode_w * decode_s)
    return Groups(ids, stages, link)


def price_many(problem: Problem, edge: Part, server: Part, crossing: Crossing) -> Costs:
    """J, T_q and feasibility of many choices; the shapes of the arrays in the parts broadcast."""
    slo = problem.slo
    mean_s = latency_s(edge, server, crossing)
    bound_s = np.asarray(latency_bound_s(mean_s, margin_factor(slo), edge, server, crossing))
    horizon_s = period_s(slo, mean_s)
    energy_j = np.asarray(
        weighted_j(
            problem.objective,
            edge_energy_j(edge, crossing, horizon_s),
            server_energy_j(server, crossing, horizon_s, problem.objective.server_idle_share),
        )
    )
    feasible = np.ones(bound_s.shape, dtype=np.bool_) if slo.latency_s is None else bound_s <= limit(slo.latency_s)
    if slo.rate_hz is not None:
        longest_s = limit(1.0 / slo.rate_hz)
        feasible = feasible & (edge.time_s + crossing.encode_s <= longest_s)
        feasible = feasible & (server.time_s + crossing.decode_s <= longest_s)
    return Costs(energy_j, bound_s, feasible)


def edge_part(grids: Grids, row: Indices | int, point: Indices | slice | int) -> Part:
    """The edge's parts at paired rows and points (or one row and many points, or one of each as numbers)."""
    return _part(grids.edge, grids.wait_w, row, point)


def server_part(grids: Grids, row: Indices | int, point: Indices | slice | int) -> Part:
    """The server's parts at paired rows and points (or one row and many points, or one of each as numbers)."""
    return _part(grids.server, grids.idle_w, row, point)


def _part(side: SideGrid, idle_w: Array, row: Indices | int, point: Indices | slice | int) -> Part:
    tables = side.tables
    if isinstance(point, int):
        time_s, std_s, busy_w = tables[:, row, point].tolist()
        return Part(time_s=time_s, std_s=std_s, busy_w=busy_w, idle_w=idle_w.item(point))
    if isinstance(point, slice):
        time_s, std_s, busy_w = tables[:, row, point]
    else:
        # One index into flat tables is found several times faster than a pair.
        time_s, std_s, busy_w = tables.reshape(3, -1).take(row * tables.shape[2] + point, axis=1)
    return Part(time_s=time_s, std_s=std_s, busy_w=busy_w, idle_w=idle_w[point])
