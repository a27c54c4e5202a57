"""Estimates of links, in logs and on screens."""

from __future__ import annotations

import pytest

from joulecut_core.figures import FigureKind
from joulecut_core.links import LinkEstimate


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (LinkEstimate(uplink_bps=25e6, downlink_bps=50.04e6, rtt_s=0.004), "25 Mbit/s up, 50.04 down, 4 ms"),
        (
            LinkEstimate(uplink_bps=82_290_077_061.6, downlink_bps=1e9, rtt_s=1.234e-5),
            "82290 Mbit/s up, 1000 down, 0.0123 ms",
        ),
    ],
)
def test_an_estimate_in_words(link: LinkEstimate, words: str) -> None:
    """A line for a person, with what kind of figures they are."""
    assert str(link) == f"{words} round trip ({FigureKind.ESTIMATED.value})"
