"""Whole studies: what is swept, interruptions, clocks by text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from joulecut.study.course import StudyRun, choose_points
from joulecut.study.engine_names import EngineName, parse_engines
from joulecut.study.rows import Study
from joulecut_core.clocks import ClockTable, OperatingPoint
from joulecut_core.errors import ClockError, ConfigError
from tests.api.study.tiny_networks import DEEP, order, study

TABLE = ClockTable(
    points=tuple(
        OperatingPoint(core_mhz=core, memory_mhz=memory)
        for memory in (665.6, 2133.0)
        for core in (306.0, 408.0, 510.0, 612.0, 714.0)
    )
)


class PowerCutError(Exception):
    """What ends a study in the middle."""


class CutAfter:
    """A progress sink that pulls the plug."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def advance(self, done: int, total: int, what: str) -> None:
        """Count down."""
        assert 0 < done <= total, what
        self._left -= 1
        if not self._left:
            raise PowerCutError


class Followed:
    """A progress sink that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def advance(self, done: int, total: int, what: str) -> None:
        """Keep it."""
        assert what
        self.told.append((done, total))


def test_every_cell_is_there(emulated_study: Study) -> None:
    """Networks times batches times engines times the governor and the clocks; layers at two clocks; all parts."""
    assert len(emulated_study.models) == 2 * 2 * 2 * 5
    assert {row.clock for row in emulated_study.models} == {"governor", "held"}
    assert {row.place for row in emulated_study.layers} == {"default", "optimum"}
    sides = [(row.network, row.batch, row.engine, row.cut, row.side) for row in emulated_study.parts]
    assert len(set(sides)) == len(sides) > 0
    assert {row.side for row in emulated_study.parts} == {"head", "tail"}
    sheets = (emulated_study.models, emulated_study.layers, emulated_study.parts, emulated_study.optima)
    names = [row.row for sheet in sheets for row in sheet]
    assert len(set(names)) == len(names)


def test_derived_figures_follow_from_the_measured_ones(emulated_study: Study) -> None:
    """Every row's joules are its watts times its seconds, and the default earns exactly 1."""
    rows = {row.row: row for row in emulated_study.models}
    for row in rows.values():
        assert row.energy_j == pytest.approx((row.power_w or 0.0) * row.latency_s)
        assert row.images_per_joule == pytest.approx(row.batch / (row.energy_j or 0.0))
        assert row.figures == "emulated"
        default = rows[row.default_row]
        assert (default.network, default.batch, default.clock, default.engine) == (row.network, 1, "governor", "eager")
        assert default.revenue == 1.0
        assert row.slo_s == pytest.approx(5 * default.latency_s)


def test_a_head_and_its_tail_are_the_whole(emulated_study: Study) -> None:
    """The two parts of a cut take as long as the network does at that clock."""
    for head, tail in zip(emulated_study.parts[::2], emulated_study.parts[1::2], strict=True):
        assert (head.cut, head.engine, head.side, tail.side) == (tail.cut, tail.engine, "head", "tail")
        whole = max(
            (
                row
                for row in emulated_study.models
                if (row.network, row.batch, row.engine, row.clock) == (head.network, head.batch, head.engine, "held")
            ),
            key=lambda row: row.core_mhz,
        )
        assert head.latency_s + tail.latency_s == pytest.approx(whole.latency_s, rel=0.03)


def test_a_resumed_study_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """Cut off in the middle, it goes on where it stopped and ends with the same numbers to the digit."""
    what = order(DEEP, clocks="3", engines=(EngineName.EAGER,))
    followed = Followed()
    expected = study(what, tmp_path / "whole", progress=followed)
    assert followed.told[-1][0] == followed.told[-1][1]
    with pytest.raises(PowerCutError):
        study(what, tmp_path / "cut", progress=CutAfter(6))
    run = StudyRun(what, tmp_path / "cut", resume=True)
    assert 0 < run.resumed < len(expected.models)
    found = run.measure(Followed())
    assert replace(found, created=expected.created) == expected


def test_a_network_named_twice_is_refused(tmp_path: Path) -> None:
    """Rows, layers and claims go by a network's name: two of one name would be taken for one network."""
    with pytest.raises(ConfigError, match="networks deep, deep: a name comes twice"):
        StudyRun(order(DEEP, DEEP), tmp_path, resume=False)


def test_clocks_by_text() -> None:
    """All, a count over the table, or a list at the highest memory clock."""
    assert choose_points("all", TABLE) == TABLE.points
    assert {point.core_mhz for point in choose_points("2", TABLE)} == {306.0, 714.0}
    assert {point.memory_mhz for point in choose_points("2", TABLE)} == {665.6, 2133.0}
    assert choose_points("714,408", TABLE) == (
        OperatingPoint(core_mhz=408.0, memory_mhz=2133.0),
        OperatingPoint(core_mhz=714.0, memory_mhz=2133.0),
    )
    assert choose_points("510,", TABLE) == (OperatingPoint(core_mhz=510.0, memory_mhz=2133.0),)
    with pytest.raises(ClockError, match="not on the clock table"):
        choose_points("500,510", TABLE)
    for wrong in ("some", "1.5", "a,b", ","):
        with pytest.raises(ConfigError, match="--clocks"):
            choose_points(wrong, TABLE)
    with pytest.raises(ConfigError, match="at least 1"):
        choose_points("0", TABLE)


def test_engines_by_text() -> None:
    """All of them or a list; a misspelt one is not taken for none."""
    assert parse_engines("all") == tuple(EngineName)
    assert parse_engines("compile, eager") == (EngineName.COMPILE, EngineName.EAGER)
    with pytest.raises(ConfigError, match="'egaer' is unknown"):
        parse_engines("egaer")
