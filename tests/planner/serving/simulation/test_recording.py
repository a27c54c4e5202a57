"""A timeline's steps add up to the report, whatever happened."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.serving import QueuedRequest
from joulecut_planner.serving.simulation.event_loop import Activity, Span, simulate
from joulecut_planner.serving.simulation.recording import MOST_STEPS, Timeline
from tests.planner.serving.scripted import Drawn
from tests.planner.serving.tables import drawn_table
from tests.thoroughness import examples


def test_a_span_over_three_steps() -> None:
    """Each step gets its part: busy in the second half of the first, all of the second, none of the third."""
    table = drawn_table(1)
    line = Timeline(table, 1.0)
    line.passed(Span(0.0, 0.5, Activity.IDLE, 0, 2.0))
    line.passed(Span(0.5, 2.0, Activity.BUSY, 2, 10.0, 1, 3))
    line.passed(Span(2.0, 2.5, Activity.SWITCHING, 1, 4.0))
    first, second, third = line.steps()
    assert (first.busy_share, first.power_w, first.core_mhz) == pytest.approx((0.5, 6.0, 200.0))
    assert (second.busy_share, second.power_w, second.core_mhz, second.batch) == pytest.approx((1.0, 10.0, 300.0, 3.0))
    assert second.variant_shares == (0.0, 1.0)
    assert (third.busy_share, third.power_w) == pytest.approx((0.0, 4.0))
    assert math.isnan(third.batch)


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-3, 0.2))
def test_steps_add_up(seed: int, step_s: float) -> None:
    """Answers, rejections, late ones, busy seconds and joules of all steps are those of the run."""
    table = drawn_table(seed)
    arrivals = [QueuedRequest(n, 0.004 * n, 0.004 * n + 0.03) for n in range(40)]
    line = Timeline(table, step_s)
    report = simulate(Drawn(table, seed), arrivals, observer=line)
    steps = line.steps()
    assert sum(step.arrivals for step in steps) == 40
    assert sum(step.answered for step in steps) == report.answered == sum(line.answers_by_variant)
    assert sum(step.late for step in steps) == report.late
    assert sum(step.rejected for step in steps) == sum(report.rejected.values())
    lived_s = [min(step_s, report.duration_s - step.start_s) for step in steps]
    lived = [(step, seconds) for step, seconds in zip(steps, lived_s, strict=True) if seconds > 1e-9]
    assert sum(step.busy_share * seconds for step, seconds in lived) == pytest.approx(report.busy_s)
    assert sum(step.power_w * seconds for step, seconds in lived) == pytest.approx(report.energy_j, rel=1e-6)


def test_a_change_that_takes_no_time_costs_its_joules() -> None:
    """They are drawn in the step in which the clock changes."""
    line = Timeline(drawn_table(1), 1.0)
    line.passed(Span(0.0, 1.5, Activity.IDLE, 0, 2.0))
    line.passed(Span(1.5, 1.5, Activity.SWITCHING, 1, 4.0, change_j=3.0))
    line.passed(Span(1.5, 2.0, Activity.IDLE, 1, 2.0))
    assert [step.power_w for step in line.steps()] == pytest.approx([2.0, 5.0])


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-12, 1e-5))
def test_short_steps_become_longer_ones(seed: int, step_s: float) -> None:
    """However short they are asked for, there is a bounded number of them, and nothing is lost by merging."""
    table = drawn_table(seed)
    arrivals = [QueuedRequest(n, 0.004 * n, 0.004 * n + 0.03) for n in range(40)]
    line = Timeline(table, step_s)
    report = simulate(Drawn(table, seed), arrivals, observer=line)
    steps = line.steps()
    assert MOST_STEPS // 2 <= len(steps) <= MOST_STEPS
    length_s = steps[1].start_s
    assert sum(step.arrivals for step in steps) == 40
    assert sum(step.answered for step in steps) == report.answered
    assert sum(step.late for step in steps) == report.late
    lived = [
        (step, seconds)
        for step in steps
        if (seconds := min(length_s, report.duration_s - step.start_s)) > 1e-9 and not math.isnan(step.busy_share)
    ]
    assert sum(step.busy_share * seconds for step, seconds in lived) == pytest.approx(report.busy_s)
    assert sum(step.power_w * seconds for step, seconds in lived) == pytest.approx(report.energy_j, rel=1e-6)


def test_no_step_without_length() -> None:
    """Steps of no length would never end."""
    with pytest.raises(ValueError, match="above 0"):
        Timeline(drawn_table(1), 0.0)
