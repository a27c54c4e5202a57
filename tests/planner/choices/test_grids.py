"""Arrays are made once for tables that stay the same, and never for others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joulecut_planner.choices.grids import grids_of
from joulecut_planner.problem_file import parse_problem
from tests.planner.small_document import small_document


def test_another_link_converts_nothing() -> None:
    """Replanning on a new bandwidth finds the very same arrays."""
    problem = parse_problem(small_document())
    first = grids_of(problem)
    again = grids_of(replace(problem, link=replace(problem.link, uplink_bps=1.0)))
    assert again.edge is first.edge
    assert again.wires is first.wires


def test_equal_tables_are_not_the_same_tables() -> None:
    """Another problem gets arrays of its own, however alike it is."""
    first, other = grids_of(parse_problem(small_document())), grids_of(parse_problem(small_document()))
    assert other.edge is not first.edge
    np.testing.assert_array_equal(other.edge.time_s, first.edge.time_s)


def test_rows_are_variants_by_cuts() -> None:
    """Row v * cuts + c is cut c of variant v; missing spreads are zeros."""
    problem = parse_problem(small_document())
    twice = replace(problem, variants=(problem.variants[0], replace(problem.variants[0], name="again")))
    grids = grids_of(twice)
    assert grids.edge.time_s.shape == (6, 2)
    np.testing.assert_array_equal(grids.edge.time_s[5], [0.04, 0.022])
    assert not grids.server.std_s.any()


def test_arrays_are_read_only() -> None:
    """What is shared between solves cannot be written."""
    with pytest.raises(ValueError, match="read-only"):
        grids_of(parse_problem(small_document())).edge.time_s[0, 0] = 1.0
