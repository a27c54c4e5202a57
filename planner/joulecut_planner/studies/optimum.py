"""The best of some settings, and how much better than another it is."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut_planner.studies.metrics import Metric


def best_setting(values: Sequence[float | None], metric: Metric) -> int | None:
    """The index of the best value, the first of equal ones; None where no value is known."""
    known = [(value, index) for index, value in enumerate(values) if value is not None]
    if not known:
        return None
    sign = -1.0 if metric.more_is_better else 1.0
    return min(known, key=lambda pair: (sign * pair[0], pair[1]))[1]


def gain(default: float, best: float, metric: Metric) -> float:
    """How many times better `best` is than `default`: more than 1 is better, whatever the metric.

    Raises ValueError where either is not positive.
    """
    if min(default, best) <= 0:
        raise ValueError(f"{metric.value} of {default!r} and {best!r}; expected positive values to compare")
    return best / default if metric.more_is_better else default / best
