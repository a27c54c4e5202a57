"""What a picture shows, apart from who draws it.

Every place on an axis is a number; an axis may name some of them. What is drawn is in the units that the axis says.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Shape(str, Enum):
    """The form of a point: together with colour it tells more series apart than either alone."""

    CIRCLE = "circle"
    SQUARE = "square"
    DIAMOND = "diamond"
    TRIANGLE = "triangle"
    STAR = "star"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A label with its unit, and how values lie on it. `ticks`: places that have names instead of numbers."""

    label: str
    log: bool = False
    from_zero: bool = True
    ticks: tuple[tuple[float, str], ...] = ()
    downwards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Single points. `notes`: what each is, in words; `reach`: how far to the right of each a whisker ends."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: str
    shape: Shape = Shape.CIRCLE
    hollow: bool = False
    notes: tuple[str, ...] = ()
    reach: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through points; None interrupts it. `step`: a value holds until the next place."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    colour: str
    step: bool = False
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars at places, from `starts` (0 where left out), so long as `values`. `notes`: what each is, in words."""

    name: str
    places: tuple[float, ...]
    values: tuple[float, ...]
    colour: str
    starts: tuple[float, ...] = ()
    width: float = 0.8
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A field of values by row and column, at places 0, 1, 2 and so on of both axes.

    `blocked`: cells whose value cannot be had; they are greyed or hatched. `label`: what the colour means, with unit.
    """

    label: str
    values: tuple[tuple[float, ...], ...]
    blocked: tuple[tuple[bool, ...], ...]
    notes: tuple[tuple[str, ...], ...]


Layer = Points | Line | Bars | Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A straight line across the panel: at a place of x, or of y where `level`."""

    at: float
    label: str
    level: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One pair of axes. `sideways`: bars lie, places are on y and lengths on x."""

    x: Axis
    y: Axis
    layers: tuple[Layer, ...]
    rules: tuple[Rule, ...] = ()
    sideways: bool = False
    height: int = 320
    """In pixels of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Panels below each other. `name`: of its file; `caption` says what it shows and how its figures were obtained."""

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    shared_x: bool = False
