"""What crossings took beyond their prediction, kept for the link's tail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_edge.requests import crossings as module
from joulecut_edge.requests.crossings import Crossings
from tests.edge.session_parts import LINK


def test_excesses_belong_to_an_estimate() -> None:
    """In the order of time, against the estimate they were predicted by; another one has none yet."""
    crossings = Crossings()
    assert crossings.excess_s(LINK) == ()
    crossings.add(LINK, predicted_s=0.01, measured_s=0.013)
    crossings.add(LINK, predicted_s=0.01, measured_s=0.009)
    assert crossings.excess_s(LINK) == pytest.approx((0.003, -0.001))
    slower = replace(LINK, rtt_s=0.1)
    assert crossings.excess_s(slower) == ()
    crossings.add(slower, predicted_s=0.1, measured_s=0.1)
    assert crossings.excess_s(slower) == (0.0,)
    assert crossings.excess_s(LINK) == ()


def test_the_latest_are_kept() -> None:
    """An edge that runs for a year keeps a window, not a year."""
    crossings = Crossings()
    for number in range(module._KEPT + 3):
        crossings.add(LINK, predicted_s=0.0, measured_s=float(number))
    kept = crossings.excess_s(LINK)
    assert (len(kept), kept[0], kept[-1]) == (module._KEPT, 3.0, module._KEPT + 2.0)
