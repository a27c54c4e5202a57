"""Choosing points: few of them, in bounds and budget, and good enough for the decisions of the whole sweep."""

from __future__ import annotations

import logging
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ConfigError
from joulecut_core.point_choice import PointChooser
from joulecut_core.profiles import PointMeasurement
from joulecut_planner.point_choice import PlanPointChooser, starting_points
from tests.planner.fits.boards import MEMORIES_MHZ, board, latency_s, power_w, public_series
from tests.planner.point_choice.sweeps import replay, table_of, with_watts

GRID = table_of(board(memories_mhz=MEMORIES_MHZ))


def measured(
    requested: OperatingPoint, achieved: OperatingPoint | None = None, *, watts: bool = True
) -> PointMeasurement:
    """The made-up board at a point, as a profiler keeps it."""
    real = achieved or requested
    return PointMeasurement(
        requested=requested,
        achieved=real,
        runs=10,
        block_s=(latency_s(real.core_mhz, real.memory_mhz),),
        whole_s=latency_s(real.core_mhz, real.memory_mhz),
        whole_std_s=0.0,
        busy_w=power_w(real.core_mhz, real.memory_mhz) if watts else 0.0,
        wait_w=3.0,
        window_s=1.0,
    )


def ask_all(
    chooser: PointChooser, table: ClockTable, *, cap_mhz: float = math.inf, watts: bool = True
) -> list[OperatingPoint]:
    """Every point that a chooser asks for, on a board that goes no faster than `cap_mhz`."""
    done: list[PointMeasurement] = []
    while (point := chooser.next_point(done)) is not None:
        assert point in table.points
        assert all(not point.matches(other.requested) for other in done)
        reached = OperatingPoint(core_mhz=min(point.core_mhz, cap_mhz), memory_mhz=point.memory_mhz)
        done.append(measured(point, reached, watts=watts))
    return [each.requested for each in done]


@settings(max_examples=25, deadline=None)
@given(
    noise=st.sampled_from((0.0, 0.003)),
    seed=st.integers(0, 10_000),
    memories=st.sampled_from(((None,), MEMORIES_MHZ[2:], MEMORIES_MHZ)),
)
def test_decisions_of_the_whole_sweep(noise: float, seed: int, memories: tuple[float | None, ...]) -> None:
    """On made-up boards the few points chosen decide as the whole sweep: no miss, next to no energy given away."""
    sweep = board(memories_mhz=memories, noise=noise, seed=seed)
    outcome = replay(sweep, PlanPointChooser(table_of(sweep), most_points=len(sweep)))
    assert outcome.missed == 0
    assert max(outcome.regret) <= 0.02
    assert len(outcome.points) <= (5 if len(memories) == 1 else 9)


@pytest.mark.parametrize(
    ("name", "every", "share", "worst"),
    [
        ("tx2_dnn.csv", 1, 0.25, 0.005),
        ("orin_nano.csv", 1, 0.25, 0.005),
        ("gtx1080ti_kernels.csv", 2, 0.25, 0.02),
        ("agx_xavier_mobilenet.csv", 1, 0.36, 0.005),
        ("rtx8000_kernels.csv", 2, 0.55, 0.02),
    ],
)
def test_public_sweeps(name: str, every: int, share: float, worst: float) -> None:
    """A quarter of real grids, five points of short ladders: no miss, at most 2 % of any decision's energy."""
    outcomes, points = [], []
    for rows in list(public_series(name).values())[::every]:
        sweep = with_watts(rows)
        outcomes.append(replay(sweep, PlanPointChooser(table_of(sweep))))
        points.append(len(outcomes[-1].points) / len(sweep))
    assert sum(points) / len(points) <= share
    assert sum(outcome.missed for outcome in outcomes) == 0
    assert max(max(outcome.regret) for outcome in outcomes) <= worst


def test_budget_is_kept() -> None:
    """However tight the bound, no more points than allowed; a quarter of the table where nothing is said."""
    assert len(ask_all(PlanPointChooser(GRID, regret_bound=1e-12, most_points=4), GRID)) == 4
    assert PlanPointChooser(GRID).most_points == len(GRID.points) // 4
    assert PlanPointChooser(ClockTable(points=GRID.points[:8])).most_points == 5


def test_a_looser_bound_stops_earlier() -> None:
    """The bound is what ends the choosing where the budget does not, and the cost that remains is under it."""
    counts = []
    for bound in (0.5, 0.01, 1e-5):
        chooser = PlanPointChooser(GRID, regret_bound=bound, most_points=len(GRID.points))
        asked = ask_all(chooser, GRID)
        counts.append(len(asked))
    assert counts[0] == 3
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_starts_with_what_a_fit_needs() -> None:
    """Three core clocks, both ends of the memory clocks: top first, so that whatever is kept holds the top."""
    assert starting_points(GRID) == (
        GRID.top,
        OperatingPoint(core_mhz=306.0, memory_mhz=1866.0),
        OperatingPoint(core_mhz=714.0, memory_mhz=1062.4),
    )
    ladder = table_of(board())
    assert [point.core_mhz for point in starting_points(ladder)] == [1020.0, 306.0, 714.0]
    assert starting_points(ClockTable(points=GRID.points[:1])) == GRID.points[:1]


def test_start_on_a_ragged_table() -> None:
    """A lowest memory clock that allows one core clock only gives that one."""
    low = OperatingPoint(core_mhz=300.0, memory_mhz=405.0)
    high = tuple(OperatingPoint(core_mhz=core, memory_mhz=5000.0) for core in (300.0, 900.0, 1500.0))
    assert starting_points(ClockTable(points=(low, *high))) == (high[-1], high[0], low)


def test_goes_on_where_it_stopped() -> None:
    """The answer depends on the measurements alone: a new chooser asks what the old one would have asked."""
    asked = ask_all(PlanPointChooser(GRID, regret_bound=1e-6), GRID)
    for count in range(len(asked)):
        done = [measured(point) for point in asked[:count]]
        assert PlanPointChooser(GRID, regret_bound=1e-6).next_point(done) == asked[count]


def test_given_deadlines_are_the_ones_judged() -> None:
    """Stakes are those of the deadlines given; a deadline nobody meets is decided for the fastest point."""
    chooser = PlanPointChooser(GRID, deadlines_s=(1e-6, 0.05), regret_bound=1e-9)
    start = [measured(point) for point in starting_points(GRID)]
    choice = chooser.choose(
        [each.requested for each in start],
        [m for each in start for m in board(memories_mhz=MEMORIES_MHZ) if m.point.matches(each.requested)],
    )
    assert [stake.deadline_s for stake in choice.stakes] == [1e-6, 0.05]
    assert GRID.points[choice.stakes[0].choice] == GRID.top
    assert choice.stakes[0].late_probability == pytest.approx(1.0)
    assert choice.worst_cost == max(stake.cost for stake in choice.stakes)


@pytest.mark.parametrize("cap_mhz", [612.0, 306.0])
def test_clocks_that_are_not_reached(cap_mhz: float) -> None:
    """Under a cap the same point is never asked twice, and choosing ends, also where nothing can be fitted."""
    asked = ask_all(PlanPointChooser(GRID, most_points=8), GRID, cap_mhz=cap_mhz)
    assert 3 <= len(asked) <= 8


def test_without_watts_it_asks_on_to_the_budget(caplog: pytest.LogCaptureFixture) -> None:
    """A meter at zero carries no fit: further clocks are tried up to the budget, and the log says why."""
    with caplog.at_level(logging.INFO):
        asked = ask_all(PlanPointChooser(GRID, most_points=6), GRID, watts=False)
    assert len(asked) == 6
    assert len({point.core_mhz for point in asked}) == 6
    assert "nothing can be predicted yet" in caplog.text


def test_senseless_wishes_are_refused() -> None:
    """Bound, deadlines and budget are checked, with the value."""
    with pytest.raises(ConfigError, match=r"regret bound is 0\.0"):
        PlanPointChooser(GRID, regret_bound=0.0)
    with pytest.raises(ConfigError, match="deadline is nan s"):
        PlanPointChooser(GRID, deadlines_s=(math.nan,))
    with pytest.raises(ConfigError, match="most points is 2; expected 3 or more"):
        PlanPointChooser(GRID, most_points=2)
