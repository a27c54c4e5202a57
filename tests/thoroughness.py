"""How much the tests look at: what every change needs, or all there is, which takes minutes more."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("JOULECUT_THOROUGH_TESTS", "0") != "0"
"""Set `JOULECUT_THOROUGH_TESTS=1` before a release, or where what is looked at in full has changed."""


def examples(most: int) -> int:
    """Of so many random examples of a property, how many are drawn: a third where the tests need not be thorough."""
    return most if THOROUGH else max(10, most // 3)
