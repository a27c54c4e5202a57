"""The stages between the two parts for all groups of an edge at once, with the way up apart: its share is open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulecut_core.errors import ProblemError
from joulecut_core.fleets import Shared
from joulecut_core.problems import Problem
from joulecut_planner.choices.grids import Array, Grids, Indices
from joulecut_planner.choices.groups import Groups
from joulecut_planner.choices.pricing import Crossing, Part, Values, latency_bound_s, latency_s, margin_factor


@dataclass(frozen=True, slots=True)
class Stages:
    """Of every group: the crossing without the way up, shape (groups, 1), and the bytes of the way up (groups,)."""

    crossing: Crossing
    uplink_bytes: Array

    @classmethod
    def of(cls, grids: Grids, groups: Groups) -> Stages:
        """The stages of some groups of one problem."""
        first_wire = np.searchsorted(grids.wires.cut, np.arange(grids.cuts - 1))
        every = groups.crossing
        crossing = Crossing(
            encode_s=_column(every.encode_s),
            rtt_s=every.rtt_s,
            decode_s=_column(every.decode_s),
            t_down=_column(every.t_down),
            latency_std_s=every.latency_std_s,
            encode_w=_column(every.encode_w),
            downlink_w=every.downlink_w,
            decode_w=_column(every.decode_w),
        )
        return cls(crossing, grids.wires.uplink_bytes[first_wire[groups.cut] + groups.wire])

    def at(self, group: Indices, t_up: Array) -> Crossing:
        """The times between the parts of some groups, the way up of all groups taking `t_up`."""
        return Crossing(
            encode_s=np.asarray(self.crossing.encode_s)[group, 0],
            t_up=t_up[group],
            rtt_s=self.crossing.rtt_s,
            decode_s=np.asarray(self.crossing.decode_s)[group, 0],
            t_down=np.asarray(self.crossing.t_down)[group, 0],
            latency_std_s=self.crossing.latency_std_s,
        )


def times_at(part: Part, row: Indices, point: Indices) -> Part:
    """The times of one side's parts at paired rows and points."""
    return Part(time_s=np.asarray(part.time_s)[row, point], std_s=np.asarray(part.std_s)[row, point])


def waited_bound_s(problem: Problem, shared: Shared, edge: Part, server: Part, crossing: Crossing) -> Array:
    """T_q of offloaded choices in a fleet: with the allowance for waiting for the server."""
    mean_s = latency_s(edge, server, crossing) + shared.server_wait_s
    return np.asarray(latency_bound_s(mean_s, margin_factor(problem.slo), edge, server, crossing))


def rate_hz_of(problem: Problem) -> float:
    """The rate that every edge of a fleet has. Raises ProblemError where there is none."""
    rate_hz = problem.slo.rate_hz
    if rate_hz is None:
        raise ProblemError("slo.rate_hz: None; expected a number above 0: every edge of a fleet has a rate")
    return rate_hz


def most_bps_of(problem: Problem, shared: Shared) -> float:
    """The largest share of the uplink that an edge can have."""
    own_bps = problem.link.uplink_bps
    return own_bps if shared.uplink_bps is None else min(own_bps, shared.uplink_bps)


def _column(values: Values) -> Array:
    return np.asarray(values)[:, None]
