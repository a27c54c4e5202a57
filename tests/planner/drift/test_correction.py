"""Problems corrected by what live requests took."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import FitError
from joulecut_planner.drift import Corrections, PointFactor, corrected
from joulecut_planner.exact.oracle import solve_exhaustively
from joulecut_planner.exact.solver import solve
from joulecut_planner.tables import build_problem
from tests.planner.synthetic_profiles import planning_inputs

PROBLEM = build_problem(planning_inputs())


def at(core_mhz: float, factor: float, memory_mhz: float | None = None) -> PointFactor:
    """A factor at a clock."""
    return PointFactor(point=OperatingPoint(core_mhz=core_mhz, memory_mhz=memory_mhz), factor=factor)


def test_nothing_known_changes_nothing() -> None:
    """No corrections, no change."""
    assert corrected(PROBLEM, Corrections()) == PROBLEM


def test_one_clock_corrects_its_side() -> None:
    """A factor at one clock holds at all of that side's, for times and spreads; watts and the other side stay."""
    was, now = PROBLEM.variants[0], corrected(PROBLEM, Corrections(edge=(at(300.0, 1.25),))).variants[0]
    assert np.array(now.edge.time_s) == pytest.approx(1.25 * np.array(was.edge.time_s))
    assert np.array(now.edge.time_std_s) == pytest.approx(1.25 * np.array(was.edge.time_std_s))
    assert now.edge.busy_w == was.edge.busy_w
    assert now.server == was.server


def test_between_two_clocks() -> None:
    """Factors are straight lines between known clocks and level beyond them."""
    now = corrected(PROBLEM, Corrections(edge=(at(450.0, 1.2), at(300.0, 1.0)))).variants[0].edge.time_s[4]
    ratios = np.array(now) / np.array(PROBLEM.variants[0].edge.time_s[4])
    assert ratios == pytest.approx([1.0, 1.0, 1.0, 1.1, 1.2, 1.2, 1.2])


def test_memory_clocks_are_kept_apart() -> None:
    """A memory clock with factors of its own uses those; one without uses all that are known."""
    points = tuple(
        replace(point, memory_mhz=(665.6, 665.6, 2133.0, 2133.0, 3199.0, 3199.0, 3199.0)[index])
        for index, point in enumerate(PROBLEM.edge.points)
    )
    problem = replace(PROBLEM, edge=replace(PROBLEM.edge, points=points))
    corrections = Corrections(edge=(at(150.0, 2.0, 665.6), at(300.0, 3.0, 2133.0)))
    now = corrected(problem, corrections).variants[0].edge.time_s[4]
    ratios = np.array(now) / np.array(problem.variants[0].edge.time_s[4])
    assert ratios == pytest.approx([2.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0])


def test_codecs_and_link() -> None:
    """Codec seconds at every cut; a link twice as slow has half the bandwidth and twice the round trip and spread."""
    now = corrected(PROBLEM, Corrections(encode=1.5, decode=3.0, link=2.0))
    was_wire, wire = PROBLEM.cuts[1].wires[1], now.cuts[1].wires[1]
    assert wire == replace(was_wire, encode_s=1.5 * was_wire.encode_s, decode_s=3.0 * was_wire.decode_s)
    assert (now.link.uplink_bps, now.link.downlink_bps) == (1e7, 1e7)
    assert (now.link.rtt_s, now.link.latency_std_s) == (0.004, 0.001)
    assert now.variants == PROBLEM.variants


@settings(max_examples=25)
@given(st.floats(0.5, 2.0), st.floats(0.5, 2.0), st.floats(0.5, 2.0))
def test_a_corrected_problem_is_a_problem(edge: float, server: float, link: float) -> None:
    """Whatever drifted, the planner solves what comes out, and its optimum is the exhaustive one."""
    now = corrected(PROBLEM, Corrections(edge=(at(450.0, edge),), server=(at(2000.0, server),), link=link))
    fast, sure = solve(now), solve_exhaustively(now)
    assert (fast.cut, fast.edge_point, fast.server_point, fast.status) == (
        sure.cut,
        sure.edge_point,
        sure.server_point,
        sure.status,
    )


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_factors_are_refused(factor: float) -> None:
    """A factor says which part it is of."""
    with pytest.raises(FitError, match="correction of link"):
        Corrections(link=factor)
    with pytest.raises(FitError, match="correction of edge at 300 MHz"):
        Corrections(edge=(at(300.0, factor),))


def test_factors_without_a_clock_hold_at_all() -> None:
    """One factor for each stage: every clock of its side and every wire; 1 leaves a side alone."""
    now = corrected(PROBLEM, Corrections.everywhere(head=1.5, encode=3.0, decode=4.0))
    was, wires = PROBLEM.variants[0], zip(now.cuts[0].wires, PROBLEM.cuts[0].wires, strict=True)
    assert np.array(now.variants[0].edge.time_s) == pytest.approx(1.5 * np.array(was.edge.time_s))
    assert now.variants[0].server == was.server
    for wire, before in wires:
        assert (wire.encode_s, wire.decode_s) == (3.0 * before.encode_s, 4.0 * before.decode_s)
    assert Corrections.everywhere() == Corrections()
