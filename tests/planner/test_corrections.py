"""Ratios of measured parts: kept where measured, interpolated between, never extrapolated."""

from __future__ import annotations

import numpy as np

from joulecut_planner.corrections import Anchor, ratios


def test_nothing_measured_corrects_nothing() -> None:
    """Without measured parts the ratio is 1 everywhere."""
    assert (ratios([], np.array([300.0, 600.0]), 4) == 1.0).all()


def test_cuts_between_anchors_are_interpolated() -> None:
    """Linear between measured cuts, level beyond them."""
    anchors = [Anchor(cut=1, core_mhz=600.0, ratio=1.2), Anchor(cut=3, core_mhz=600.0, ratio=1.0)]
    table = ratios(anchors, np.array([300.0, 600.0]), 5)
    np.testing.assert_allclose(table[:, 0], [1.2, 1.2, 1.1, 1.0, 1.0])
    np.testing.assert_allclose(table[:, 1], table[:, 0])


def test_clocks_follow_a_line() -> None:
    """Several clocks at one cut give a line in the clock, held beyond the measured ones."""
    anchors = [Anchor(cut=0, core_mhz=clock, ratio=1.0 + clock / 1000.0) for clock in (400.0, 500.0, 600.0)]
    table = ratios(anchors, np.array([200.0, 450.0, 900.0]), 1)
    np.testing.assert_allclose(table[0], [1.4, 1.45, 1.6])


def test_repeats_at_one_clock_are_averaged() -> None:
    """Repeated measurements at one clock are one measurement."""
    anchors = [Anchor(cut=0, core_mhz=400.0, ratio=ratio) for ratio in (1.0, 1.2)]
    np.testing.assert_allclose(ratios(anchors, np.array([300.0]), 1), [[1.1]])


def test_known_ratios_are_used_as_they_are() -> None:
    """A cut whose ratio is known at every clock takes no line; cuts between it and an anchor lie between."""
    known = np.array([1.0, 1.3, 0.9])
    table = ratios([Anchor(cut=0, core_mhz=400.0, ratio=1.1)], np.array([300.0, 400.0, 500.0]), 3, known={2: known})
    np.testing.assert_allclose(table, [[1.1, 1.1, 1.1], [1.05, 1.2, 1.0], [1.0, 1.3, 0.9]])
