"""The offloaded choices of a problem by group: a cut, a wire and a variant; within one, any pair of clocks.

Pricing many choices of one group, or one choice of many groups, is a handful of array operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_core.problems import Problem
from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array, Grids, Indices
from joulecut_planner.choices.pricing import (
    Choice,
    Crossing,
    Part,
    Values,
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
    """Groups in the order of (cut, wire, variant); arrays of shape (groups,).

    `row` finds a group in the side grids. `between_s` is all of T but the two parts, `carried_j`
    all of J (weighted) that depends on neither clock.
    """

    cut: Indices
    wire: Indices
    variant: Indices
    row: Indices
    crossing: Crossing
    between_s: Array
    carried_j: Array

    def __len__(self) -> int:
        return len(self.cut)

    def follow(self, choice: Choice) -> NDArray[np.bool_]:
        """Which groups come after `choice` in the contract's order of indices."""
        wire = (self.wire > choice.wire) | ((self.wire == choice.wire) & (self.variant > choice.variant))
        after: NDArray[np.bool_] = (self.cut > choice.cut) | ((self.cut == choice.cut) & wire)
        return after

    def crossing_of(self, groups: Indices) -> Crossing:
        """The stages between the parts of some groups, as arrays of shape (groups,)."""
        return _pick(self.crossing, groups)

    def crossing_columns(self) -> Crossing:
        """The stages between the parts of every group, as arrays of shape (groups, 1), to go with its points."""
        return _pick(self.crossing, (slice(None), None))

    def only(self, kept: Indices) -> Groups:
        """Some of the groups, in the order of `kept`."""
        return Groups(
            cut=self.cut[kept],
            wire=self.wire[kept],
            variant=self.variant[kept],
            row=self.row[kept],
            crossing=_pick(self.crossing, kept),
            between_s=self.between_s[kept],
            carried_j=self.carried_j[kept],
        )

    def crossing_at(self, group: int) -> Crossing:
        """The stages between the parts of one group, as numbers."""
        return _pick(self.crossing, group)


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
    wires, link = grids.wires, problem.link
    t_up = np.asarray(transfer_s(wires.uplink_bytes, link.uplink_bps))
    t_down = np.asarray(transfer_s(wires.downlink_bytes, link.downlink_bps))
    between_s = wires.encode_s + t_up + link.rtt_s + wires.decode_s + t_down
    usable = wires.allowed & np.isfinite(between_s)
    if keep_rate and problem.slo.rate_hz is not None:
        longest_s = limit(1.0 / problem.slo.rate_hz)
        usable &= (t_up <= longest_s) & (t_down <= longest_s)
    losses = np.array([variant.accuracy_loss for variant in problem.variants])
    kept = usable[:, None] & (losses[None, :] + wires.accuracy_loss[:, None] <= limit(problem.max_accuracy_loss))
    flat, variant = np.nonzero(kept)
    crossing = Crossing(
        encode_s=wires.encode_s[flat],
        t_up=t_up[flat],
        rtt_s=link.rtt_s,
        decode_s=wires.decode_s[flat],
        t_down=t_down[flat],
        latency_std_s=link.latency_std_s,
        encode_w=wires.encode_w[flat],
        uplink_w=link.uplink_w,
        downlink_w=link.downlink_w,
        decode_w=wires.decode_w[flat],
    )
    weights = problem.objective
    carried_j = weights.edge_weight * (
        crossing.encode_w * crossing.encode_s + link.uplink_w * crossing.t_up + link.downlink_w * crossing.t_down
    ) + weights.server_weight * (crossing.decode_w * crossing.decode_s)
    cut = wires.cut[flat]
    return Groups(
        cut=cut,
        wire=wires.wire[flat],
        variant=variant,
        row=variant * grids.cuts + cut,
        crossing=crossing,
        between_s=between_s[flat],
        carried_j=np.asarray(carried_j),
    )


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


def edge_part(grids: Grids, row: Indices | int, point: Indices | slice) -> Part:
    """The edge's parts at paired rows and points (or one row and many points)."""
    return Part(
        time_s=grids.edge.time_s[row, point],
        std_s=grids.edge.std_s[row, point],
        busy_w=grids.edge.busy_w[row, point],
        idle_w=grids.wait_w[point],
    )


def server_part(grids: Grids, row: Indices | int, point: Indices | slice) -> Part:
    """The server's parts at paired rows and points (or one row and many points)."""
    return Part(
        time_s=grids.server.time_s[row, point],
        std_s=grids.server.std_s[row, point],
        busy_w=grids.server.busy_w[row, point],
        idle_w=grids.idle_w[point],
    )


def _pick(crossing: Crossing, index: Indices | int | tuple[slice, None]) -> Crossing:
    def at(values: Values) -> Values:
        return values[index] if isinstance(values, np.ndarray) else values

    return Crossing(
        encode_s=at(crossing.encode_s),
        t_up=at(crossing.t_up),
        rtt_s=crossing.rtt_s,
        decode_s=at(crossing.decode_s),
        t_down=at(crossing.t_down),
        latency_std_s=crossing.latency_std_s,
        encode_w=at(crossing.encode_w),
        uplink_w=crossing.uplink_w,
        downlink_w=crossing.downlink_w,
        decode_w=at(crossing.decode_w),
    )
