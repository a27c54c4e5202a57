"""Valid values to start from, drawn by the strategies that the round-trip tests use; the same ones in every run."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar, overload

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.thoroughness import THOROUGH

T = TypeVar("T")


class Later(Sequence[bytes]):
    """Inputs that are made when they are first looked at: whoever asks for the targets' names waits for none."""

    def __init__(self, make: Callable[[], Sequence[bytes]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Sequence[bytes]:
        return self._make()

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        return self._made[index]

    def __len__(self) -> int:
        return len(self._made)


def drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """`count` values, spread over what the strategy gives."""
    values: list[T] = []

    @settings(
        max_examples=(8 if THOROUGH else 3) * count,
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
