"""The profiler with a chooser, and on a device that gets too hot."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from joulecut_core.clocks import OperatingPoint
from joulecut_core.errors import ClockError, ConfigError
from joulecut_core.profiles import PointMeasurement
from joulecut_core.timing import ManualClock
from joulecut_planner.point_choice import PlanPointChooser
from joulecut_runtime.devices.emulated import EmulatedDevice
from joulecut_runtime.profiling.journal import ProfileJournal
from tests.runtime.bench import QUICK, Bench
from tests.runtime.small_network import Listener


class Listed:
    """A chooser that asks for what it was given, and remembers what it was shown."""

    def __init__(self, points: Sequence[OperatingPoint]) -> None:
        self.points = list(points)
        self.shown: list[list[OperatingPoint]] = []

    def next_point(self, measured: Sequence[PointMeasurement]) -> OperatingPoint | None:
        self.shown.append([point.requested for point in measured])
        return self.points.pop(0) if self.points else None


class _RestingClock(ManualClock):
    """A clock on which a long pause cools the board."""

    def __init__(self) -> None:
        super().__init__()
        self.rested: Callable[[], None] = lambda: None

    def sleep_until_s(self, deadline_s: float) -> None:
        if deadline_s - self.now_s() > 20:
            self.rested()
        super().sleep_until_s(deadline_s)


class _Recovering(Bench):
    """A board that is too hot until it has rested."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = clock = _RestingClock()
        self.emulated = EmulatedDevice(self.file, clock=clock, seed=0)
        self.emulated.set_temperature_c(150.0)
        clock.rested = lambda: self.emulated.set_temperature_c(40.0)


def test_chosen_points_are_measured_beside_those_of_the_parts() -> None:
    """First the points that carry parts and codecs, then what the chooser asks, shown everything measured so far."""
    bench, listener = Bench(), Listener()
    table = bench.clock_table
    asked = (table.points[3], table.points[0])
    chooser = Listed(asked)
    profile = bench.profile(chooser=chooser, progress=listener)
    first, extra = bench.leased[:-2], bench.leased[-2:]
    assert sorted(first) == sorted(QUICK.part_points(table))
    assert tuple(extra) == asked
    assert chooser.shown == [first, [*first, asked[0]], [*first, *asked]]
    assert [point.requested for point in profile.points] == [point for point in table.points if point in bench.leased]
    assert len(profile.parts) == len(Bench().profile().parts)
    assert len(profile.codecs) == len(Bench().profile().codecs)
    assert listener.told[-1][0] == listener.told[-1][1]


def test_the_top_is_measured_whoever_chooses() -> None:
    """Codecs are timed at the top, so it is measured also without parts."""
    plan = dataclasses.replace(QUICK, part_core_clocks=0)
    profile = Bench().profile(plan=plan, chooser=Listed(()))
    assert [point.requested for point in profile.points] == [Bench().clock_table.top]
    assert profile.codecs


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (lambda bench: bench.clock_table.top, ConfigError, "asked for .* again"),
        (lambda _: OperatingPoint(core_mhz=1.0, memory_mhz=2.0), ClockError, "not on the clock table"),
    ],
)
def test_a_wrong_chooser_ends(asked: Callable[[Bench], OperatingPoint], error: type[Exception], words: str) -> None:
    """A point that was measured or does not exist is an error, not an endless loop."""
    bench = Bench()
    with pytest.raises(error, match=words):
        bench.profile(chooser=Listed([asked(bench)]))


def test_planner_chooses_few_points_of_a_board(tmp_path: Path) -> None:
    """With the planner's chooser a board needs few points of its table; a resumed choice asks for nothing again."""
    bench = Bench()
    chooser = PlanPointChooser(bench.clock_table)
    profile = bench.profile(chooser=chooser, journal=ProfileJournal(tmp_path / "journal"))
    assert 3 <= len(profile.points) <= chooser.most_points < len(bench.clock_table.points)
    assert chooser.next_point(profile.points) is None
    again = Bench()
    resumed = again.profile(chooser=chooser, journal=ProfileJournal(tmp_path / "journal"))
    assert resumed.points == profile.points
    assert again.leased == []


def test_too_hot_is_measured_again(caplog: pytest.LogCaptureFixture) -> None:
    """A thermal throttle costs a pause and another measurement of that point, and no more pauses than allowed."""
    plan = dataclasses.replace(QUICK, core_clocks=1, memory_clocks=1, most_parts=0)
    seconds = {}
    for remeasurements in (0, 1, 2):
        bench = Bench()
        bench.emulated.set_temperature_c(150.0)
        profile = bench.profile(plan=dataclasses.replace(plan, remeasurements=remeasurements, cool_down_s=100.0))
        seconds[remeasurements] = bench.clock.now_s()
        assert not profile.points[0].achieved.matches(profile.points[0].requested)
    assert 100 < seconds[1] - seconds[0] < 110
    assert 200 < seconds[2] - seconds[0] < 220
    assert "got too hot at" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        Bench().profile(plan=plan)
    assert not caplog.text


def test_cooled_down_is_kept() -> None:
    """What is kept is measured after the pause: a board that recovers has its clock and its seconds."""
    plan = dataclasses.replace(QUICK, core_clocks=1, memory_clocks=1, most_parts=0)
    bench = _Recovering()
    (point,) = bench.profile(plan=plan).points
    (undisturbed,) = Bench().profile(plan=plan).points
    assert point.achieved.matches(point.requested)
    assert point.whole_s == pytest.approx(undisturbed.whole_s, rel=0.02)
