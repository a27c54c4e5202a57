"""Names shortened in the middle: no two become one."""

from __future__ import annotations

import pytest

from joulecut.reports.short_names import short_names


@pytest.mark.parametrize(
    ("names", "most", "expected"),
    [
        (["gate", "yard"], 8, ["gate", "yard"]),
        (["rack-01-left-slot-07", "rack-01-left-slot-08"], 11, ["rack-…ot-07", "rack-…ot-08"]),
        (["a-very-long-name", "short"], 7, ["a-v…ame", "short"]),
        ([], 5, []),
    ],
)
def test_beginnings_and_ends_stay(names: list[str], most: int, expected: list[str]) -> None:
    """Only what is longer than asked for is touched."""
    assert short_names(names, most) == tuple(expected)


@pytest.mark.parametrize(
    "names",
    [
        [f"site-{number:02}-of-the-northern-plant" for number in range(20)],
        [f"the-northern-plant-{number:02}-of-many" for number in range(20)],
        [f"plant-{left}-middle-part-{right}" for left in "abc" for right in "xyz"],
        [f"{'x' * 20}{number}{'y' * 20}" for number in range(10)],
    ],
    ids=["beginning", "before-the-end", "both", "middle"],
)
def test_different_names_stay_different(names: list[str]) -> None:
    """Wherever they differ; longer than asked for where that is the only way."""
    short = short_names(names, 12)
    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= max(map(len, names))


def test_equal_names_stay_equal() -> None:
    """A name that comes twice is one thing shown twice."""
    assert short_names(["a-very-long-name"] * 2, 7) == ("a-v…ame", "a-v…ame")
