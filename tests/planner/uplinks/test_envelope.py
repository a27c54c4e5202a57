"""The lower envelope of truncated lines is what comparing all of them at every place gives."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut_planner.uplinks.envelope import Lines, lower_envelope
from tests.thoroughness import examples

SLOW_DRAWS = [HealthCheck.too_slow]
"""A busy machine draws slowly; that says nothing of envelopes."""

# Whole numbers make lines meet, end and begin at the same places.
NUMBERS = st.integers(-4, 4).map(float)


@st.composite
def lines(draw: st.DrawFn) -> Lines:
    """Up to eight lines over stretches of 0 to 8."""
    count = draw(st.integers(1, 8))
    starts = [draw(st.integers(0, 7)) for _ in range(count)]
    ends = [draw(st.one_of(st.integers(start + 1, 8), st.just(np.inf))) for start in starts]
    return Lines(
        np.array([draw(NUMBERS) for _ in range(count)]),
        np.array([draw(NUMBERS) for _ in range(count)]),
        np.array(starts, dtype=np.float64),
        np.array(ends, dtype=np.float64),
    )


@settings(max_examples=examples(250), suppress_health_check=SLOW_DRAWS)
@given(lines=lines(), places=st.lists(st.floats(0.0, 8.0), min_size=8, max_size=8))
def test_the_lowest_of_all_is_found(lines: Lines, places: list[float]) -> None:
    """At any place inside a piece its line is the lowest that reaches there; outside all pieces none does."""
    pieces = lower_envelope(lines, 0.0, 8.0)
    for x in places:
        reaching = (lines.start <= x) & (x < lines.end)
        found = [piece for piece in pieces if piece.start <= x < piece.end]
        if x == 8.0 or not reaching.any():
            assert not found
            continue
        (piece,) = found
        assert reaching[piece.line]
        values = lines.at(x)
        assert values[piece.line] <= values[reaching].min() + 1e-9
        if values[piece.line] == values[reaching].min() and (values[reaching] == values[piece.line]).sum() > 1:
            same = np.flatnonzero(reaching & (lines.intercept == lines.intercept[piece.line]))
            same = same[lines.slope[same] == lines.slope[piece.line]]
            assert piece.line == same[0]


@settings(max_examples=examples(100), suppress_health_check=SLOW_DRAWS)
@given(lines=lines())
def test_pieces_follow_each_other_and_change_hands(lines: Lines) -> None:
    """Pieces rise without overlap, and neighbours that touch are different lines."""
    pieces = lower_envelope(lines, 0.0, 8.0)
    for before, after in pairwise(pieces):
        assert before.start < before.end <= after.start
        assert before.end < after.start or before.line != after.line


def test_a_single_crossing() -> None:
    """1 + x and 3 change places at 2."""
    every = np.array([0.0, 0.0])
    pieces = lower_envelope(Lines(np.array([1.0, 3.0]), np.array([1.0, 0.0]), every, every + np.inf), 0.0, 5.0)
    assert [(piece.start, piece.end, piece.line) for piece in pieces] == [(0.0, 2.0, 0), (2.0, 5.0, 1)]
