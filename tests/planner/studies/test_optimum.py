"""The best setting and its gain."""

from __future__ import annotations

import pytest

from joulecut_planner.studies import Metric, best_setting, gain


def test_the_direction_follows_the_metric() -> None:
    """The least latency and the most images per joule, from the same numbers."""
    values = [3.0, 1.0, None, 5.0]
    assert best_setting(values, Metric.LATENCY) == 1
    assert best_setting(values, Metric.EFFICIENCY) == 3


def test_equal_values_go_to_the_first() -> None:
    """The default stands first: nobody is told to move for nothing."""
    assert best_setting([2.0, 2.0], Metric.REVENUE) == 0
    assert best_setting([2.0, 2.0], Metric.EDP) == 0


def test_unknown_everywhere_has_no_best() -> None:
    """Without a meter there is no cheapest setting."""
    assert best_setting([None, None], Metric.EDP) is None


def test_gains_are_above_one_where_something_is_gained() -> None:
    """Half the joule seconds and twice the revenue are both twice as good."""
    assert gain(4.0, 2.0, Metric.EDP) == 2.0
    assert gain(4.0, 8.0, Metric.REVENUE) == 2.0
    with pytest.raises(ValueError, match="positive"):
        gain(0.0, 1.0, Metric.EDP)
