"""Robust partitioning: least energy of the device under a deadline that holds in probability.

Source: Nan, Han, Zhou, Niu, Robust DNN partitioning and resource allocation under uncertain inference
time, IEEE Transactions on Mobile Computing, doi 10.1109/TMC.2025.3619509, arXiv 2503.21476. Only mean and
variance of the inference time are known; the chance constraint is replaced by its distribution-free equivalent

    mean + sqrt(q / (1 - q)) * standard deviation <= deadline,

the device's clock is continuous, the server's is fixed, and the joules are the device's alone. The paper
splits the bandwidth among many devices by convex optimisation and finds the cuts by a penalty
convex-concave procedure, which ends in a stationary point: `joulecut_planner.baselines.fleets.robust`. What is
built here, for one device, follows the paper's abstract; it is a relaxation solved exactly, not that algorithm.

What is open for one pair, and the choice here:

- bandwidth: given, as there is one device;
- the cut: all of them are tried, so the plan is the global optimum of the relaxed problem, which the
  paper's procedure need not reach;
- time, spread and watts between two clocks: linear between the table's entries, so that the method is not
  charged for a law of its own; the optimum of each stretch is then found in closed form;
- a continuous clock cannot be set: the next real one above is, as the one below would be late;
- the device's joules: E_edge, waiting included; the server at its top clock;
- a request rate, which the paper does not have: no constraint; wires and variants: the best on offer;
- the margin is the paper's whatever the problem's; without a quantile the mean has to meet the deadline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from joulecut_core.problems import EdgePoint, Problem
from joulecut_planner.baselines.baseline import Decision
from joulecut_planner.baselines.candidates import top_point, variants_at_home
from joulecut_planner.choices.constraints import TOLERANCE
from joulecut_planner.choices.grids import Array, Grids, Indices, grids_of
from joulecut_planner.choices.groups import groups_of
from joulecut_planner.choices.pricing import Choice

SOURCE = "Nan et al., robust partitioning, arXiv 2503.21476"

_LATE = 1e-7
"""Relative: how much later than the deadline a root may seem; two nearly equal roots have half the digits."""

_SAME_CLOCK = 1e-9
"""Of a stretch between two clocks: nearer to the lower one is the lower one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxedPlan:
    """The optimum with a continuous edge clock, and the choice it is rounded to.

    The clock lies `share` of the way from edge point `lower` to edge point `upper`. `edge_energy_j` and
    `bound_s` are the relaxed ones. `timely`: whether anything meets the deadline in this model, else the
    plan is the fastest. `evaluated`: stretches between clocks that were looked at.
    """

    choice: Choice
    lower: int
    upper: int
    share: float
    edge_energy_j: float
    bound_s: float
    timely: bool
    evaluated: int


def robust(problem: Problem) -> Decision:
    """The relaxed optimum with the edge's clock rounded up to a real one."""
    plan = relaxed_plan(problem)
    if plan is None:
        return Decision(choice=None, evaluated=0)
    return Decision(choice=plan.choice, evaluated=plan.evaluated)


def relaxed_plan(problem: Problem) -> RelaxedPlan | None:
    """The least E_edge over cuts, wires, variants and continuous edge clocks; None where nothing is on offer."""
    tails = _tails(problem)
    if not len(tails.row):
        return None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _least(problem, tails, _stretches(problem.edge.points))


@dataclass(frozen=True, slots=True)
class _Tails:
    """Everything but the edge's part, one entry for each (cut, wire, variant) on offer; arrays of shape (tails,)."""

    cut: Indices
    wire: Indices
    variant: Indices
    row: Indices
    """Of the edge's grid."""
    rest_s: Array
    """All of T but the edge's part."""
    variance_s2: Array
    """Of all but the edge's part."""
    carried_j: Array
    """What encoding and the radio add to E_edge."""


def _tails(problem: Problem) -> _Tails:
    grids = grids_of(problem)
    groups = groups_of(problem, grids, keep_rate=False)
    crossing, link, last = groups.crossing, problem.link, grids.cuts - 1
    top = top_point(problem.server.points)
    home = variants_at_home(problem)
    carried_j = (
        crossing.encode_w * crossing.encode_s + link.uplink_w * crossing.t_up + link.downlink_w * crossing.t_down
    )
    nothing = np.zeros(home.size)
    return _Tails(
        cut=np.concatenate([groups.cut, np.full(home.size, last)]),
        wire=np.concatenate([groups.wire, np.zeros(home.size, dtype=np.int64)]),
        variant=np.concatenate([groups.variant, home]),
        row=np.concatenate([groups.row, home * grids.cuts + last]),
        rest_s=np.concatenate([groups.between_s + grids.server.time_s[groups.row, top], nothing]),
        variance_s2=np.concatenate([grids.server.std_s[groups.row, top] ** 2 + link.latency_std_s**2, nothing]),
        carried_j=np.concatenate([np.asarray(carried_j), nothing]),
    )


def _stretches(points: tuple[EdgePoint, ...]) -> list[tuple[int, int]]:
    """Pairs of neighbouring core clocks at one memory clock, rising; a memory clock's only point with itself."""
    by_memory: dict[float | None, list[int]] = {}
    for index, point in enumerate(points):
        by_memory.setdefault(point.memory_mhz, []).append(index)
    stretches: list[tuple[int, int]] = []
    for indices in by_memory.values():
        rising = sorted(indices, key=lambda index: points[index].core_mhz)
        stretches.extend(pairwise(rising) if len(rising) > 1 else [(rising[0], rising[0])])
    return stretches


@dataclass(frozen=True, slots=True)
class _Line:
    """start + slope * x along each stretch, x from 0 to 1; arrays of shape (tails, stretches) or (1, stretches)."""

    start: Array
    slope: Array

    @classmethod
    def of(cls, table: Array, stretches: list[tuple[int, int]]) -> _Line:
        """The line through a table's two entries of each stretch."""
        lower, upper = (np.array(side) for side in zip(*stretches, strict=True))
        return cls(table[:, lower], table[:, upper] - table[:, lower])

    def at(self, share: Array) -> Array:
        """Values at shares of shape (tails, stretches, shares)."""
        return self.start[..., None] + self.slope[..., None] * share


def _least(problem: Problem, tails: _Tails, stretches: list[tuple[int, int]]) -> RelaxedPlan:
    slo = problem.slo
    edge = _EdgeLines.of(grids_of(problem), tails, stretches)
    z = 0.0 if slo.quantile is None else math.sqrt(slo.quantile / (1.0 - slo.quantile))
    factor_w, standing_j = _energy_lines(edge, tails, slo.rate_hz)
    flat = _flat_point(edge.time_s, factor_w, standing_j)
    shares = np.stack([np.zeros_like(flat), np.ones_like(flat), flat, *_deadlines(edge, tails, slo.latency_s, z)], -1)
    shares = np.clip(np.where(np.isfinite(shares), shares, 0.0), 0.0, 1.0)
    carried_j, rest_s = tails.carried_j[:, None, None], tails.rest_s[:, None, None]
    energy_j = factor_w.at(shares) * edge.time_s.at(shares) + standing_j.at(shares) + carried_j
    spread_s = np.sqrt(edge.std_s.at(shares) ** 2 + tails.variance_s2[:, None, None])
    bound_s = edge.time_s.at(shares) + rest_s + z * spread_s
    met = bound_s <= (math.inf if slo.latency_s is None else slo.latency_s * (1.0 + _LATE))
    timely = bool(met.any())
    real = (shares == 0.0) | (shares == 1.0)
    wanted = np.where(met, energy_j, math.inf) if timely else np.where(real, bound_s, math.inf)
    wanted = np.where(np.isnan(wanted), math.inf, wanted)
    least = float(wanted.min())
    first = int(np.flatnonzero(wanted <= least + TOLERANCE * abs(least))[0])
    tail, stretch, _ = (int(index) for index in np.unravel_index(first, shares.shape))
    lower, upper = stretches[stretch]
    share = float(shares.ravel()[first])
    return RelaxedPlan(
        choice=_choice(problem, tails, tail, lower if share <= _SAME_CLOCK else upper),
        lower=lower,
        upper=upper,
        share=share,
        edge_energy_j=float(energy_j.ravel()[first]),
        bound_s=float(bound_s.ravel()[first]),
        timely=timely,
        evaluated=flat.size,
    )


def _energy_lines(edge: _EdgeLines, tails: _Tails, rate_hz: float | None) -> tuple[_Line, _Line]:
    """Two lines with E_edge = first * time + second + carried: one draw counts while computing, one all the while."""
    if rate_hz is None:
        rest_s = tails.rest_s[:, None]
        return edge.busy_w, _Line(edge.wait_w.start * rest_s, edge.wait_w.slope * rest_s)
    return (
        _Line(edge.busy_w.start - edge.wait_w.start, edge.busy_w.slope - edge.wait_w.slope),
        _Line(edge.wait_w.start / rate_hz, edge.wait_w.slope / rate_hz),
    )


def _flat_point(time_s: _Line, factor_w: _Line, standing_j: _Line) -> Array:
    """The share at which E_edge, a parabola along a stretch, has its turn; not finite where it is straight."""
    gradient_j = standing_j.slope + factor_w.start * time_s.slope + factor_w.slope * time_s.start
    turn: Array = -gradient_j / (2.0 * factor_w.slope * time_s.slope)
    return turn


@dataclass(frozen=True, slots=True)
class _EdgeLines:
    """The edge's part of each tail along each stretch."""

    time_s: _Line
    std_s: _Line
    busy_w: _Line
    wait_w: _Line

    @classmethod
    def of(cls, grids: Grids, tails: _Tails, stretches: list[tuple[int, int]]) -> _EdgeLines:
        """Lines through the tables of the edge."""
        side, row = grids.edge, tails.row
        return cls(
            time_s=_Line.of(side.time_s[row], stretches),
            std_s=_Line.of(side.std_s[row], stretches),
            busy_w=_Line.of(side.busy_w[row], stretches),
            wait_w=_Line.of(grids.wait_w[None, :], stretches),
        )


def _deadlines(edge: _EdgeLines, tails: _Tails, latency_s: float | None, z: float) -> tuple[Array, Array]:
    """Shares at which time plus margin is the deadline, both roots; whatever does not exist is not finite."""
    start, slope = edge.time_s.start, edge.time_s.slope
    if latency_s is None:
        return np.full_like(start, np.nan), np.full_like(start, np.nan)
    slack_s = latency_s - tails.rest_s[:, None] - start
    if z == 0.0:
        return slack_s / slope, slack_s / slope
    # z^2 (std^2 + others) = (slack - slope x)^2, with the root that does not cancel taken first.
    std = edge.std_s
    a = (z * std.slope) ** 2 - slope**2
    b = 2.0 * (z * z * std.start * std.slope + slack_s * slope)
    c = z * z * (std.start**2 + tails.variance_s2[:, None]) - slack_s**2
    q = -0.5 * (b + np.copysign(np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0)), b))
    return q / a, c / q


def _choice(problem: Problem, tails: _Tails, tail: int, edge_point: int) -> Choice:
    cut = int(tails.cut[tail])
    return Choice(
        cut=cut,
        wire=int(tails.wire[tail]),
        variant=int(tails.variant[tail]),
        edge_point=edge_point,
        server_point=None if cut == len(problem.cuts) - 1 else top_point(problem.server.points),
    )
