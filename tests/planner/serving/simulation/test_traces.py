"""Traces are scaled, delayed and turned into requests without losing or reordering any."""

from __future__ import annotations

import math

import numpy as np
import pytest

from joulecut_planner.choices.grids import Array
from joulecut_planner.serving.simulation.traces import ArrivalTrace, trace_of


def times(*values_s: float) -> Array:
    return np.array(values_s, dtype=np.float64)


def named(*edges: str) -> ArrivalTrace:
    sent_s: Array = np.arange(len(edges), dtype=np.float64)
    return ArrivalTrace(sent_s=sent_s, arrival_s=sent_s, edges=edges, entries=range(len(edges)))


def test_rate_and_variation_are_those_of_the_gaps() -> None:
    """Four requests a second apart: one per second, no variation; a late first request moves to 0."""
    trace = trace_of(times(5.0, 6.0, 7.0, 8.0))
    assert trace.arrival_s.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert (trace.rate_hz, trace.span_s, trace.gap_variation) == (1.0, 3.0, 0.0)
    assert trace_of(times(0.0, 1.0, 4.0)).gap_variation == pytest.approx(0.5)


def test_scaling_keeps_the_pattern() -> None:
    """At four times the rate every gap is a quarter; a wanted rate is met exactly."""
    trace = trace_of(times(0.0, 1.0, 4.0))
    assert trace.quicker(4.0).sent_s.tolist() == [0.0, 0.25, 1.0]
    assert trace.at_rate(10.0).rate_hz == pytest.approx(10.0)
    assert trace.at_rate(10.0).gap_variation == pytest.approx(trace.gap_variation)


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_a_factor_that_is_none_is_refused(factor: float) -> None:
    """Nothing stands still or runs backwards."""
    with pytest.raises(ValueError, match="above 0"):
        trace_of(times(0.0, 1.0)).quicker(factor)


def test_requests_at_once_have_no_rate() -> None:
    """One request, or several at the same time, cannot be given a utilisation."""
    for trace, words in (
        (trace_of(times(3.0)), "a single request has no rate"),
        (trace_of(times(3.0, 3.0)), "2 requests sent at once have no rate"),
    ):
        assert math.isnan(trace.rate_hz)
        with pytest.raises(ValueError, match=words):
            trace.at_rate(2.0)


def test_requests_carry_what_the_trace_knows() -> None:
    """Plain numbers, deadlines behind the sending, ids in order."""
    trace = ArrivalTrace(
        sent_s=times(0.0, 0.5), arrival_s=times(0.2, 0.9), edges=("a", "b"), entries=(0, 1), priorities=(0, 3)
    )
    first, second = trace.requests(1.0)
    assert (first.id, first.arrival_s, first.deadline_s, first.entry, first.edge) == (0, 0.2, 1.0, 0, "a")
    assert (second.id, second.deadline_s, second.entry, second.priority) == (1, 1.5, 1, 3)
    assert type(second.arrival_s) is float


def test_links_delay_each_edge_by_itself_and_keep_names_with_their_requests() -> None:
    """The slow edge's requests come behind later ones of the quick edge, with their own entries."""
    trace = named("slow", "quick", "quick")
    delayed = trace.delayed(lambda edge, sent_s: sent_s + (1.5 if edge == "slow" else 0.0))
    assert delayed.arrival_s.tolist() == [1.0, 1.5, 2.0]
    assert list(delayed.edges) == ["quick", "slow", "quick"]
    assert list(delayed.entries) == [1, 0, 2]
    assert [request.deadline_s for request in delayed.requests(9.0)] == [10.0, 9.0, 11.0]
    assert delayed.span_s == trace.span_s


def test_the_first_ones() -> None:
    """A shorter trace has the names of its own requests."""
    short = named("a", "b", "c").first(2)
    assert (len(short), short.edge_names, list(short.entries)) == (2, ("a", "b"), [0, 1])


def test_what_does_not_fit_is_refused() -> None:
    """Columns of different lengths, times that are none or run backwards, arrivals before the sending."""
    with pytest.raises(ValueError, match="edges: 1 values; expected one for each of 2"):
        ArrivalTrace(sent_s=times(0.0, 1.0), arrival_s=times(0.0, 1.0), edges=("a",))
    with pytest.raises(ValueError, match="negative or not finite"):
        ArrivalTrace(sent_s=times(0.0, math.nan), arrival_s=times(0.0, math.nan))
    with pytest.raises(ValueError, match="not in order"):
        ArrivalTrace(sent_s=times(1.0, 0.0), arrival_s=times(1.0, 0.0))
    with pytest.raises(ValueError, match="before they were sent"):
        ArrivalTrace(sent_s=times(1.0), arrival_s=times(0.5))
