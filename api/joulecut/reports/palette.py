"""The colours of all pictures: the set of Okabe and Ito (2008), which people with any colour vision tell apart."""

from __future__ import annotations

BLUE = "#0072b2"
ORANGE = "#e69f00"
GREEN = "#009e73"
PURPLE = "#cc79a7"
SKY = "#56b4e9"
RED = "#d55e00"
OLIVE = "#b5a300"
"""The set's yellow, darkened: a white page swallows it."""
VIOLET = "#8465c4"
GREY = "#8a94a0"
"""Not in the set; grey stands for what is context, in place of black, which a dark page swallows."""

EDGE, LINK, SERVER = BLUE, ORANGE, GREEN
"""Where something happens."""

CHOSEN = RED
"""What was chosen."""

SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, OLIVE, VIOLET, RED)
"""Things of one kind, in the order in which they come."""

SEQUENTIAL = "cividis"
"""From little to much; one name in plotly and matplotlib. Nuñez, Anderton and Renslow 2018."""


def series_colour(index: int) -> str:
    """The colour of the n-th of things of one kind; they come round again."""
    return SERIES[index % len(SERIES)]
