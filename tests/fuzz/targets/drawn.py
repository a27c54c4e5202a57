"""Valid values to start from, drawn by the strategies that the round-trip tests use; the same ones in every run."""

from __future__ import annotations

import random
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")


def drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """`count` values, spread over what the strategy gives."""
    values: list[T] = []

    @settings(
        max_examples=8 * count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(strategy)
    def collect(value: T) -> None:
        values.append(value)

    collect()
    return random.Random(0).sample(values, min(count, len(values)))  # noqa: S311 - nothing here is secret
