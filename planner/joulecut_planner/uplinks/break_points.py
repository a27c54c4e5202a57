"""Where the plan changes as the uplink does: exact break points over a range of bandwidths.

With x = 1 / uplink_bps every choice's J and T_q are straight lines in x, and it keeps deadline and rate
up to an x of its own. The least J is the lower envelope of these truncated lines; where several are
within a tie of it, the lowest T_q among them decides, again a lower envelope. Both are taken over the
few choices that can be the plan at all (`joulecut_planner.uplinks.uplink_span`). The plan being the same at two
uplinks does not mean that it is in between: another may be better there and too late further on.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from joulecut_core.argument_types import expect_member
from joulecut_core.errors import ProblemError
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problem_rules import POSITIVE, check_number
from joulecut_core.problems import Problem
from joulecut_planner.choices.answers import clock_of
from joulecut_planner.choices.constraints import TOLERANCE, limit, violated
from joulecut_planner.choices.grids import Array
from joulecut_planner.choices.groups import price_many
from joulecut_planner.choices.plan_choice import choice_of
from joulecut_planner.choices.pricing import Choice, price
from joulecut_planner.choices.ranks import Ranks
from joulecut_planner.choices.variations import Downlink
from joulecut_planner.exact.solver import solve
from joulecut_planner.given_problem import expect_problem
from joulecut_planner.uplinks.contenders import Contenders
from joulecut_planner.uplinks.envelope import Lines, Piece, lower_envelope
from joulecut_planner.uplinks.policy_table import PolicyRow, PolicyTable
from joulecut_planner.uplinks.uplink_span import LARGEST_RATIO, UplinkSpans

_MOST_CONTENDERS = 2000
"""Spans that leave more are split."""

_SMALLEST_RATIO = 1.001
"""Spans are not split further than to this."""


def break_points(
    problem: Problem, lowest_bps: float, highest_bps: float, downlink: Downlink = Downlink.FIXED
) -> PolicyTable:
    """The plan at every uplink from `lowest_bps` to `highest_bps` (bits per second), a row from change to change.

    Exact: between two neighbouring break points one choice is what `solve` gives. Raises ProblemError
    where the range is empty or not above 0, or where the problem's numbers overflow; TypeError for what is no Problem
    or no Downlink.
    """
    expect_problem(problem)
    expect_member("downlink", downlink, Downlink)
    check_number("lowest_bps", lowest_bps, POSITIVE)
    check_number("highest_bps", highest_bps, POSITIVE)
    lowest_bps, highest_bps = float(lowest_bps), float(highest_bps)
    if lowest_bps > highest_bps:
        raise ProblemError(f"lowest_bps: {lowest_bps}; expected at most highest_bps, which is {highest_bps}")
    spans = UplinkSpans(problem, downlink)
    feasible_bps = _least_feasible_bps(spans, lowest_bps, highest_bps)
    rows = []
    if feasible_bps is None or feasible_bps > lowest_bps:
        rows.append(PolicyRow(from_bps=lowest_bps, to_bps=feasible_bps or highest_bps, status=INFEASIBLE))
    if feasible_bps is not None:
        stretches = _Stretches(spans)
        with np.errstate(over="ignore", invalid="ignore"):
            stretches.find(highest_bps, feasible_bps)
        rows += stretches.rows(feasible_bps, highest_bps)
    return PolicyTable(downlink=downlink, rows=tuple(rows))


def _least_feasible_bps(spans: UplinkSpans, lowest_bps: float, highest_bps: float) -> float | None:
    """The slowest uplink of a range at which something is feasible, to the last bit; None where nothing is."""
    if _answer_at(spans, lowest_bps)[0]:
        return lowest_bps
    # What stays on the edge is feasible at every uplink or at none, so at none.
    low, high, spans = lowest_bps, highest_bps, spans.offloading()
    _, choice = _answer_at(spans, low)
    if not _answer_at(spans, high)[0]:
        return None
    while True:
        # As far as one choice goes, then whether any goes further; where none is feasible the fastest may go furthest.
        high = _reach_bps(spans, choice, low, high)
        is_feasible, choice = _answer_at(spans, math.nextafter(high, low))
        if not is_feasible:
            return high
        high = _reach_bps(spans, choice, low, high)
        middle = _between(low, high)
        is_feasible, choice = _answer_at(spans, middle)
        low, high = (low, middle) if is_feasible else (middle, high)


def _answer_at(spans: UplinkSpans, uplink_bps: float) -> tuple[bool, Choice | None]:
    """Whether anything is feasible at an uplink, and the plan there or the nearest choice."""
    problem = spans.at(uplink_bps)
    plan = solve(problem)
    return plan.status == OPTIMAL, None if plan.cut is None else choice_of(problem, plan)


def _reach_bps(spans: UplinkSpans, choice: Choice | None, low: float, high: float) -> float:
    """The slowest uplink above `low` at which a choice is feasible; `high` where it is not even there."""
    if choice is None or _is_broken(spans.at(high), choice):
        return high
    while low < (middle := _between(low, high)) < high:
        low, high = (middle, high) if _is_broken(spans.at(middle), choice) else (low, middle)
    return high


def _is_broken(problem: Problem, choice: Choice) -> bool:
    return bool(violated(problem, price(problem, choice)))


def _between(low_bps: float, high_bps: float) -> float:
    return math.sqrt(low_bps) * math.sqrt(high_bps) if high_bps > 2.0 * low_bps else (low_bps + high_bps) / 2.0


class _Stretches:
    """Stretches of x = 1 / uplink_bps in which one choice is the plan, by rising x."""

    def __init__(self, spans: UplinkSpans) -> None:
        self._spans = spans
        self._starts: list[tuple[float, int]] = []
        """(x at which it begins, rank of the choice)."""

    def find(self, fast_bps: float, slow_bps: float) -> None:
        """Append those between two uplinks; the slower one has to be feasible."""
        fast, slow = self._spans.at(fast_bps), self._spans.at(slow_bps)
        ratio = fast_bps / slow_bps
        contenders = None
        if ratio <= LARGEST_RATIO:
            most = _MOST_CONTENDERS if ratio > _SMALLEST_RATIO else np.inf
            contenders = self._spans.contenders(fast, slow, solve(slow), most=most)
        if contenders is None:
            middle_bps = _between(slow_bps, fast_bps)
            if ratio <= LARGEST_RATIO:
                # It is near the end of what is feasible that plans change fast, and settle little further on.
                middle_bps = _between(slow_bps, middle_bps)
            self.find(fast_bps, middle_bps)
            self.find(middle_bps, slow_bps)
            return
        for piece in _plan_pieces(*_lines(contenders, fast, self._spans.downlink), 1.0 / fast_bps, 1.0 / slow_bps):
            rank = int(contenders.rank[piece.line])
            if not self._starts or self._starts[-1][1] != rank:
                self._starts.append((piece.start, rank))

    def rows(self, from_bps: float, to_bps: float) -> list[PolicyRow]:
        """The stretches as rows of rising uplink that cover the range."""
        slowest = self._spans.at(from_bps)
        if not self._starts:
            # The range is no wider than rounding: its slow end has the only plan.
            return [_row(slowest, choice_of(slowest, solve(slowest)), from_bps, to_bps)]
        begins_bps = [min(1.0 / x, to_bps) for x, _ in self._starts[1:]]
        choices = Ranks.of(slowest).choices(np.array([rank for _, rank in self._starts]))
        rows = [
            _row(self._spans.at(begins), choice, begins, ends)
            for ends, begins, choice in zip([to_bps, *begins_bps], [*begins_bps, from_bps], choices, strict=True)
            if begins < ends
        ]
        return rows[::-1]


def _lines(contenders: Contenders, problem: Problem, downlink: Downlink) -> tuple[Lines, Lines]:
    """J and T_q of contenders over x = 1 / uplink_bps, ending where they stop keeping deadline or rate.

    Raises ProblemError where they are beyond the reach of numbers.
    """
    slo, link, objective = problem.slo, problem.link, problem.objective
    up_bits, down_bits = 8.0 * contenders.uplink_bytes, np.zeros(len(contenders))
    crossing = replace(contenders.crossing(problem), t_up=np.zeros(len(contenders)))
    if downlink is Downlink.PROPORTIONAL:
        down_bits = 8.0 * contenders.downlink_bytes * (link.uplink_bps / link.downlink_bps)
        crossing = replace(crossing, t_down=np.zeros(len(contenders)))
    costs = price_many(problem, contenders.edge, contenders.server, crossing)
    slower = up_bits + down_bits
    # Without a rate the two sides wait and idle the longer, too.
    longer = slower if slo.rate_hz is None else np.zeros(len(contenders))
    edge_w = contenders.edge.idle_w * longer + link.uplink_w * up_bits + link.downlink_w * down_bits
    server_w = objective.server_idle_share * contenders.server.idle_w * longer
    dearer = objective.edge_weight * edge_w + objective.server_weight * server_w
    start, end = np.zeros(len(contenders)), np.full(len(contenders), np.inf)
    if slo.latency_s is not None:
        end = np.minimum(end, _reach(limit(slo.latency_s) - costs.bound_s, slower))
    if slo.rate_hz is not None:
        longest_s = np.full(len(contenders), limit(1.0 / slo.rate_hz))
        end = np.minimum(end, np.minimum(_reach(longest_s, up_bits), _reach(longest_s, down_bits)))
    energy, bound = Lines(costs.energy_j, np.asarray(dearer), start, end), Lines(costs.bound_s, slower, start, end)
    _check_finite(problem, contenders, energy, bound)
    return energy, bound


def _check_finite(problem: Problem, contenders: Contenders, energy: Lines, bound: Lines) -> None:
    figures = np.stack((energy.intercept, energy.slope, bound.intercept, bound.slope))
    broken = np.flatnonzero(~np.isfinite(figures).all(axis=0))
    if broken.size:
        line = int(broken[0])
        (choice,) = Ranks.of(problem).choices(contenders.rank[[line]])
        fixed_j, rising_j, fixed_s, rising_s = figures[:, line].tolist()
        raise ProblemError(
            f"cuts[{choice.cut}]: over uplinks {fixed_j} J and {rising_j} J x bits/s, {fixed_s} s and {rising_s} bits; "
            "expected figures that stay finite: check the units of times, watts, bytes, weights and bandwidths"
        )


def _reach(left_s: Array, slope: Array) -> Array:
    """How far x may rise before what grows with `slope` has used up `left_s`."""
    reach: Array = np.divide(left_s, slope, out=np.full(len(slope), np.inf), where=slope > 0.0)
    return reach


def _plan_pieces(energy: Lines, bound: Lines, start: float, end: float) -> list[Piece]:
    """Which line is the plan where: of those within a tie of the least J, the one of lowest T_q."""
    pieces: list[Piece] = []
    for piece in lower_envelope(energy, start, end):
        ties = _ties(energy, bound, piece)
        lines = np.flatnonzero(ties.start < ties.end)
        parts = lower_envelope(ties.only(lines), piece.start, piece.end)
        pieces += [replace(part, line=int(lines[part.line])) for part in parts]
    return pieces


def _ties(energy: Lines, bound: Lines, piece: Piece) -> Lines:
    """T_q of all lines, each where its J is within a tie of the piece's."""
    widened = 1.0 + TOLERANCE
    # A tie where excess <= closing * x.
    excess = energy.intercept - widened * energy.intercept[piece.line]
    closing = widened * energy.slope[piece.line] - energy.slope
    turn = np.divide(excess, closing, out=np.zeros(len(energy)), where=closing != 0.0)
    start = np.where(closing > 0.0, np.maximum(energy.start, turn), energy.start)
    end = np.where(closing < 0.0, np.minimum(energy.end, turn), energy.end)
    end = np.where((closing == 0.0) & (excess > 0.0), -np.inf, end)
    return Lines(bound.intercept, bound.slope, np.maximum(start, piece.start), np.minimum(end, piece.end))


def _row(problem: Problem, choice: Choice, from_bps: float, to_bps: float) -> PolicyRow:
    cost, server_point = price(problem, choice), choice.server_point
    return PolicyRow(
        from_bps=from_bps,
        to_bps=to_bps,
        status=OPTIMAL,
        cut=choice.cut,
        cut_name=problem.cuts[choice.cut].name,
        codec=problem.cuts[choice.cut].wires[choice.wire].codec,
        variant=problem.variants[choice.variant].name,
        edge_point=choice.edge_point,
        server_point=server_point,
        edge_clock=clock_of(problem.edge.points[choice.edge_point]),
        server_clock=None if server_point is None else clock_of(problem.server.points[server_point]),
        latency_bound_s=cost.latency_bound_s,
        energy_j=cost.energy_j,
    )
