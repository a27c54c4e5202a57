"""Strict decoding: one mechanism, one error format, for every file the project reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulecut_core.decoding import decode, encode, join, show
from joulecut_core.errors import ConfigError, ProfileError


class Colour(str, Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    core_mhz: float
    memory_mhz: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    name: str
    points: tuple[Point, ...]
    count: int = 1
    held: bool = False
    colour: Colour = Colour.RED
    notes: Mapping[str, str] = field(default_factory=dict)
    table: tuple[tuple[float, ...], ...] = ()


WHOLE = {
    "name": "bench",
    "points": [{"core_mhz": 306, "memory_mhz": None}, {"core_mhz": 612.0, "memory_mhz": 2133}],
    "count": 3,
    "held": True,
    "colour": "blue",
    "notes": {"room": "4"},
    "table": [[1, 2.5], []],
}


def test_builds_nested_dataclasses() -> None:
    """Numbers become floats where floats are asked for, lists become tuples, values become enums."""
    sheet = decode(Sheet, WHOLE, error=ConfigError)

    assert sheet == Sheet(
        name="bench",
        points=(Point(core_mhz=306.0), Point(core_mhz=612.0, memory_mhz=2133.0)),
        count=3,
        held=True,
        colour=Colour.BLUE,
        notes={"room": "4"},
        table=((1.0, 2.5), ()),
    )
    assert isinstance(sheet.points[0].core_mhz, float)


def test_defaults_fill_what_is_left_out() -> None:
    """Only fields without a default are required."""
    assert decode(Sheet, {"name": "a", "points": []}, error=ConfigError) == Sheet(name="a", points=())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cuont": 1}, "cuont: unknown key; did you mean 'count'?"),
        ({"zzz": 1}, "zzz: unknown key; expected one of name, points,"),
        ({"name": 3}, "name: 3; expected a string"),
        ({"name": None}, "name: None; expected a string"),
        ({"count": 1.0}, "count: 1.0; expected a whole number"),
        ({"count": True}, "count: True; expected a whole number"),
        ({"count": 1 << 64}, "count: 18446744073709551616; expected a whole number of at most 64 bits"),
        ({"count": "1"}, "count: '1'; expected a whole number"),
        ({"held": 1}, "held: 1; expected true or false"),
        ({"colour": "green"}, "colour: 'green'; expected one of 'red', 'blue'"),
        ({"colour": []}, "colour: []; expected one of"),
        ({"points": {}}, "points: {}; expected a list of an object"),
        ({"points": "ab"}, "points: 'ab'; expected a list"),
        ({"points": [1]}, "points[0]: 1 is not an object; expected Point"),
        ({"points": [{"core_mhz": 1}, {}]}, "points[1].core_mhz: missing; expected a finite number"),
        ({"points": [{"core_mhz": True}]}, "points[0].core_mhz: True; expected a finite number"),
        ({"points": [{"core_mhz": "1"}]}, "points[0].core_mhz: '1'; expected a finite number"),
        ({"points": [{"core_mhz": math.nan}]}, "points[0].core_mhz: nan; expected a finite number"),
        ({"points": [{"core_mhz": -math.inf}]}, "points[0].core_mhz: -inf; expected a finite number"),
        ({"points": [{"core_mhz": 10**400}]}, "points[0].core_mhz: 1000"),
        ({"points": [{"core_mhz": 1, "memory_mhz": "x"}]}, "points[0].memory_mhz: 'x'; expected a finite number"),
        ({"notes": []}, "notes: []; expected an object"),
        ({"notes": {"room": 4}}, "notes.room: 4; expected a string"),
        ({"table": [[1.0], [None]]}, "table[1][0]: None; expected a finite number"),
        ({"table": [3]}, "table[0]: 3; expected a list of a finite number"),
    ],
)
def test_refuses_with_path_value_and_expectation(change: Mapping[str, object], message: str) -> None:
    """Every complaint starts with the JSON path and says what was found and what was expected."""
    with pytest.raises(ConfigError) as caught:
        decode(Sheet, {**WHOLE, **change}, error=ConfigError)

    assert str(caught.value).startswith(message)


def test_missing_key_at_the_top() -> None:
    """A required key that is not there is named with what it should hold."""
    with pytest.raises(ConfigError, match=r"^points: missing; expected a list of an object \(Point\)$"):
        decode(Sheet, {"name": "a"}, error=ConfigError)


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_top_level_must_be_an_object(data: object) -> None:
    """A file whose top level is a list or a number is refused as such."""
    with pytest.raises(ProfileError, match=r"^top level: .* is not an object; expected Sheet$"):
        decode(Sheet, data, error=ProfileError)


def test_starting_path_is_kept() -> None:
    """A document inside another one complains with the outer path in front."""
    with pytest.raises(ConfigError, match=r"^edge\.profile\.name: 1;"):
        decode(Sheet, {**WHOLE, "name": 1}, error=ConfigError, path="edge.profile")


def test_unsupported_annotation_is_a_defect_not_bad_input() -> None:
    """A dataclass that the decoder cannot serve fails loudly for its author."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Odd:
        value: int | str

    with pytest.raises(TypeError, match="use one type or None"):
        decode(Odd, {"value": 1}, error=ConfigError)


def test_long_values_are_shortened() -> None:
    """A message never drags a whole table along."""
    assert len(show([0] * 1000)) == 60
    assert show([0] * 1000).endswith("...")
    assert show("short") == "'short'"


def test_values_of_several_lines_are_shown_on_one() -> None:
    """Arrays of numpy are, and a message is one line."""
    assert show(np.eye(2)) == "array([[1., 0.],        [0., 1.]])"


def test_join() -> None:
    """Paths have no leading dot."""
    assert join("", "a") == "a"
    assert join("a[0]", "b") == "a[0].b"


finite = st.floats(allow_nan=False, allow_infinity=False)
sheets = st.builds(
    Sheet,
    name=st.text(max_size=8),
    points=st.lists(st.builds(Point, core_mhz=finite, memory_mhz=st.none() | finite), max_size=3).map(tuple),
    count=st.integers(-(1 << 63), (1 << 64) - 1),
    held=st.booleans(),
    colour=st.sampled_from(Colour),
    notes=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
    table=st.lists(st.lists(finite, max_size=3).map(tuple), max_size=3).map(tuple),
)


@given(sheet=sheets)
def test_encode_is_the_reverse_of_decode(sheet: Sheet) -> None:
    """What is written can be read, unchanged."""
    assert decode(Sheet, encode(sheet), error=ConfigError) == sheet
