"""What Robust partitioning sees of each edge: its own joules, means and variances, the server at its top clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from joulecut_core.fleets import Shared
from joulecut_core.problems import Problem
from joulecut_planner.baselines.candidates import top_point, variants_at_home
from joulecut_planner.choices.grids import Array, Indices, grids_of
from joulecut_planner.choices.groups import groups_of
from joulecut_planner.choices.pricing import Choice
from joulecut_planner.fleet.stages import Stages, most_bps_of, rate_hz_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTables:
    """One edge: an entry for each partition (cut, wire and variant on offer), and each operating point.

    `time_s`, `std_s` and `power_w` (rate * edge_weight * joules of the device, its radio left out) are of
    shape (partitions, points); the others of shape (partitions,). `rest_s` is all of T but the edge's part
    and the way up, `variance_s2` the variance of all but the edge's part, `sent_bits` what goes up (0 at
    home), `radio_w_bps` what the radio draws times its share of the uplink. `deadline_s` is infinite
    without one, `z` is Cantelli's factor, `most_bps` the largest share of the uplink.
    """

    cut: Indices
    wire: Indices
    variant: Indices
    time_s: Array
    std_s: Array
    power_w: Array
    rest_s: Array
    variance_s2: Array
    sent_bits: Array
    radio_w_bps: Array
    deadline_s: float
    z: float
    most_bps: float
    home_cut: int
    server_point: int

    @classmethod
    def of(cls, problem: Problem, shared: Shared) -> DeviceTables:
        """The tables of one edge of a fleet; at least one partition has to be on offer."""
        grids = grids_of(problem)
        groups = groups_of(problem, grids, keep_rate=False)
        stages = Stages.of(grids, groups)
        home, last = variants_at_home(problem), grids.cuts - 1
        top, link, slo = top_point(problem.server.points), problem.link, problem.slo
        row = np.concatenate([groups.row, home * grids.cuts + last])
        crossing, nothing = groups.crossing, np.zeros(home.size)
        carried_j = crossing.encode_w * crossing.encode_s + link.downlink_w * crossing.t_down
        between_s = crossing.encode_s + crossing.rtt_s + crossing.decode_s + crossing.t_down
        rest_s = between_s + shared.server_wait_s + grids.server.time_s[groups.row, top]
        spread_s2 = grids.server.std_s[groups.row, top] ** 2 + link.latency_std_s**2
        weighted_hz = rate_hz_of(problem) * problem.objective.edge_weight
        time_s = grids.edge.time_s[row]
        waited_w = grids.wait_w[None, :]
        busy_j = (grids.edge.busy_w[row] - waited_w) * time_s + np.concatenate([np.asarray(carried_j), nothing])[
            :, None
        ]
        sent_bits = np.concatenate([8.0 * stages.uplink_bytes, nothing])
        return cls(
            cut=np.concatenate([groups.cut, np.full(home.size, last)]),
            wire=np.concatenate([groups.wire, np.zeros(home.size, dtype=np.int64)]),
            variant=np.concatenate([groups.variant, home]),
            time_s=time_s,
            std_s=grids.edge.std_s[row],
            power_w=problem.objective.edge_weight * waited_w + weighted_hz * busy_j,
            rest_s=np.concatenate([rest_s, nothing]),
            variance_s2=np.concatenate([spread_s2, nothing]),
            sent_bits=sent_bits,
            radio_w_bps=weighted_hz * link.uplink_w * sent_bits,
            deadline_s=math.inf if slo.latency_s is None else slo.latency_s,
            z=0.0 if slo.quantile is None else math.sqrt(slo.quantile / (1.0 - slo.quantile)),
            most_bps=most_bps_of(problem, shared),
            home_cut=last,
            server_point=top,
        )

    def place_of(self, choice: Choice) -> int:
        """The partition of a choice that is on offer."""
        found = (self.cut == choice.cut) & (self.wire == choice.wire) & (self.variant == choice.variant)
        return int(found.argmax())

    def choice(self, partition: int, edge_point: int) -> Choice:
        """A partition with the edge at one of its real points and the server at its top one."""
        cut = int(self.cut[partition])
        return Choice(
            cut=cut,
            wire=int(self.wire[partition]),
            variant=int(self.variant[partition]),
            edge_point=edge_point,
            server_point=None if cut == self.home_cut else self.server_point,
        )

    def offloads(self, partition: int) -> bool:
        """Whether the server is used."""
        return int(self.cut[partition]) != self.home_cut

    def at(self, mix: Array, share_bps: float) -> Seen:
        """Every partition with the clock mixed of the points by `mix`, at a share of the uplink."""
        up_s = self.sent_bits / share_bps if share_bps > 0.0 else np.where(self.sent_bits > 0.0, math.inf, 0.0)
        radio_w = self.radio_w_bps / share_bps if share_bps > 0.0 else np.where(self.radio_w_bps > 0.0, math.inf, 0.0)
        return Seen(
            power_w=self.power_w @ mix + radio_w,
            mean_s=self.time_s @ mix + self.rest_s + up_s,
            variance_s2=(self.std_s @ mix) ** 2 + self.variance_s2,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """Watts, mean latency and its variance of every partition at given resources; arrays of shape (partitions,)."""

    power_w: Array
    mean_s: Array
    variance_s2: Array

    def bound_s(self, z: float) -> Array:
        """Mean plus z standard deviations."""
        return self.mean_s + z * np.sqrt(self.variance_s2)
