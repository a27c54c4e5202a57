"""What a search forgets is never what it would need."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from joulecut_planner.batching.labels import Label, front, undominated

FEW = st.sampled_from([0.0, 1.0, 2.0, 3.0])


@given(pairs=st.lists(st.tuples(FEW, FEW), max_size=12))
def test_undominated_keeps_the_staircase(pairs: list[tuple[float, float]]) -> None:
    """For every time the least joules reachable by then are the same before and after, and nothing is kept twice."""
    kept = undominated([Label(free_s, energy_j) for free_s, energy_j in pairs])
    for by_s in (0.0, 1.0, 2.0, 3.0):
        before = min((energy_j for free_s, energy_j in pairs if free_s <= by_s), default=None)
        after = min((label.energy_j for label in kept if label.free_s <= by_s), default=None)
        assert before == after
    assert len({label.energy_j for label in kept}) == len(kept)


@given(rows=st.lists(st.tuples(FEW, FEW, st.one_of(FEW, st.just(np.inf))), max_size=12), free_s=FEW)
def test_front_keeps_the_cheapest_by_every_end(rows: list[tuple[float, float, float]], free_s: float) -> None:
    """Of the slots from a time on, the least joules by each end survive; impossible slots and earlier ones do not."""
    rows = sorted(rows, key=lambda row: row[1])
    start_s, end_s, energy_j = (np.array([row[at] for row in rows]) for at in range(3))
    chosen = front(start_s, energy_j, free_s)
    assert np.isfinite(energy_j[chosen]).all()
    assert (start_s[chosen] >= free_s).all()
    for by_s in (0.0, 1.0, 2.0, 3.0):
        possible = energy_j[(start_s >= free_s) & (end_s <= by_s)]
        least_j = possible.min(initial=np.inf)
        assert energy_j[chosen[end_s[chosen] <= by_s]].min(initial=np.inf) == least_j
