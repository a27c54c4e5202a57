"""Joules of a device's counter: each is booked once, whoever reads the counter and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_server.serving.energy_books import EnergyBooks

_JOULES = st.integers(0, 1000)


def test_what_lay_between_batches_is_booked_to_the_next_one_alone() -> None:
    """Two batches may end between two readings: the second does not pay again for what the first has paid."""
    books = EnergyBooks()
    books.read(100.0)
    books.read(105.0)
    assert books.close_batch(2.0) == 5.0
    assert books.close_batch(3.0) == 0.0
    books.read(112.0)
    assert books.close_batch(0.0) == 2.0
    assert (books.busy_j, books.wait_j) == (5.0, 7.0)


def test_a_counter_that_lags_behind_is_waited_for() -> None:
    """A batch that it has not seen yet takes nothing, and none that follows pays for less than nothing."""
    books = EnergyBooks()
    books.read(10.0)
    assert books.close_batch(4.0) == 0.0
    books.read(11.0)
    assert books.close_batch(0.0) == 0.0
    books.read(15.0)
    assert books.close_batch(0.0) == 1.0


def test_without_a_counter_nothing_is_shared_out() -> None:
    """A reading that fails in between changes nothing of what is known; before the first nothing is, nor is it owed."""
    books = EnergyBooks()
    books.read(None)
    assert books.close_batch(1.0) is None
    books.read(50.0)
    books.read(54.0)
    books.read(None)
    assert books.close_batch(0.0) == 4.0


def test_what_a_counter_never_saw_is_not_owed_to_it() -> None:
    """Sampled joules lack the time in which power could not be read: idling from then on is somebody's at once."""
    books = EnergyBooks()
    books.read(0.0)
    assert books.close_batch(10.0) == 0.0
    books.read(None)
    assert books.close_batch(1000.0) == 0.0
    books.read(10.0)
    books.read(40.0)
    assert books.close_batch(0.0) == 30.0


def test_a_counter_that_caught_up_pays_for_what_it_was_not_asked_about() -> None:
    """A driver's own counter goes on while nobody can read it: joules of that time are booked once."""
    books = EnergyBooks()
    books.read(0.0)
    books.read(None)
    assert books.close_batch(100.0) == 0.0
    books.read(130.0)
    assert books.close_batch(0.0) == 30.0


def test_joules_that_stood_in_for_fewer_are_paid_back_by_what_lies_between() -> None:
    """A service table may have more than was drawn: ledgers come back to the counter."""
    books = EnergyBooks()
    books.read(0.0)
    assert books.close_batch(50.0) == 0.0
    books.read(40.0)
    assert books.close_batch(0.0) == 0.0
    books.read(65.0)
    assert books.close_batch(0.0) == 15.0
    assert books.busy_j + books.wait_j == 65.0


@given(st.lists(st.tuples(_JOULES, _JOULES, st.booleans()), min_size=1, max_size=20))
def test_ledgers_add_up_to_the_counter(course: list[tuple[int, int, bool]]) -> None:
    """Idle draw and batches in any order, read or not read in between: at the end every joule is somebody's, once."""
    books, counter_j, taken_j = EnergyBooks(), 0, 0.0
    books.read(0.0)
    for idle_j, busy_j, is_read in course:
        counter_j += idle_j
        if is_read:
            books.read(float(counter_j))
        counter_j += busy_j
        taken_j += (books.close_batch(float(busy_j)) or 0.0) + busy_j
    books.read(float(counter_j))
    taken_j += books.close_batch(0.0) or 0.0
    assert taken_j == pytest.approx(counter_j)
    assert books.busy_j + books.wait_j == pytest.approx(counter_j)
