"""How much the tests look at: what every change needs, or all there is, which takes minutes more."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

THOROUGH = os.environ.get("JOULECUT_THOROUGH_TESTS", "0") != "0"
"""Set `JOULECUT_THOROUGH_TESTS=1` before a release, or where what is looked at in full has changed."""
_MOST_EXAMPLES = 30

T = TypeVar("T")


def examples(most: int) -> int:
    """Of so many random examples of a property, how many are drawn: a third, at most 30, where not thorough."""
    return most if THOROUGH else min(most, max(10, min(_MOST_EXAMPLES, most // 3)))


def ends_and_middle(cases: Iterable[T]) -> list[T]:
    """Of cases that take the same way through the code: three where the tests need not be thorough."""
    found = list(cases)
    return found if THOROUGH or len(found) < 3 else [found[0], found[len(found) // 2], found[-1]]
