"""Offers that another one beats are left out, and no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_planner.fleet import dominance
from joulecut_planner.fleet.dominance import undominated, undominated_rows
from tests.thoroughness import examples

SMALL = st.sampled_from([0.0, 1.0, 2.0, 3.0])


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether `one` is no worse in anything and better in something."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), SMALL, SMALL, SMALL, SMALL), max_size=40))
def test_exactly_the_unbeaten_of_each_segment_stay(entries: list[tuple[int, float, float, float, float]]) -> None:
    """Every distinct unbeaten entry once, nothing else: as comparing all pairs says."""
    entries = sorted(entries, key=lambda entry: entry[0])
    segment = np.array([entry[0] for entry in entries], dtype=np.int64)
    columns = [np.array([entry[k] for entry in entries], dtype=np.float64) for k in range(1, 5)]
    kept = undominated(segment, *columns).tolist()
    expected = {
        entry for entry in entries if not any(other[0] == entry[0] and beats(other[1:], entry[1:]) for other in entries)
    }
    assert len(kept) == len(expected)
    assert {entries[index] for index in kept} == expected


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, np.inf]), SMALL, SMALL), min_size=1, max_size=8))
def test_rows_keep_the_first_of_equals(points: list[tuple[float, float, float]]) -> None:
    """Operating points of one part: unbeaten, of equal ones the first, and none of infinite cost."""
    columns = [np.array([[point[k] for point in points]]) for k in range(3)]
    kept = np.flatnonzero(undominated_rows(*columns)[0]).tolist()
    expected = [
        index
        for index, point in enumerate(points)
        if np.isfinite(point[0]) and not any(beats(other, point) for other in points) and point not in points[:index]
    ]
    assert kept == expected


def test_rows_of_very_many_points() -> None:
    """Comparing all pairs of one row of 20,000 would take gigabytes: who asks a server for a fleet says how many."""
    draw = np.random.default_rng(5)
    columns = [draw.uniform(1.0, 2.0, (1, 20_000)) for _ in range(3)]
    kept = undominated_rows(*columns)[0]
    points = np.array(columns)[:, 0, :]
    assert kept.sum() < 1000
    stayed = points[:, kept].T
    assert all((stayed <= point).all(axis=1).any() for point in points.T[~kept])


def test_segments_are_compared_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and whatever their lengths: as all at once."""
    draw = np.random.default_rng(6)
    segment = np.sort(draw.integers(0, 40, 500))
    columns = [draw.integers(0, 9, 500).astype(np.float64) for _ in range(4)]
    whole = undominated(segment, *columns)
    monkeypatch.setattr(dominance, "_COMPARED", 700)
    assert undominated(segment, *columns).tolist() == whole.tolist()


def test_the_smallest_numbers_have_an_order() -> None:
    """A column whose largest entry has no finite inverse is compared like any other, in every segment."""
    segment = np.array([0, 0, 1, 1])
    tiny, plain = np.array([0.0, 2e-313, 0.0, 2e-313]), np.array([2.0, 1.0, 2.0, 1.0])
    assert undominated(segment, tiny, plain).tolist() == [0, 1, 2, 3]
    assert undominated(segment, tiny, np.ones(4)).tolist() == [0, 2]
