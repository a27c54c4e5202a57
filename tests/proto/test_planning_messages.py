"""What an edge says of its requests and its link is checked before anything is planned with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace

import pytest

from joulecut_core.errors import ContractError
from joulecut_proto.planning_messages import MOST_BANDS, Band, SessionReply, StageFactors, UplinkRange
from tests.proto.fake_services import NO_PLAN, PROBLEM


@pytest.mark.parametrize("stage", [each.name for each in fields(StageFactors)])
@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
def test_factors_that_none_can_plan_with_are_refused(stage: str, factor: float) -> None:
    """By the stage's name: a table times such a factor would have no price, or a better one than any."""
    with pytest.raises(ContractError, match=rf"factors\.{stage}: .*expected a finite factor above 0"):
        StageFactors(**{stage: factor})


@pytest.mark.parametrize(
    "ends", [(0.0, 1e9), (-1.0, 1e9), (2e9, 1e9), (1e5, math.inf), (math.nan, 1e9), (1e5, math.nan)]
)
def test_uplinks_that_are_no_range_are_refused(ends: tuple[float, float]) -> None:
    """One uplink is a range; none, those of nothing, and those without an end are not."""
    assert UplinkRange(lowest_bps=1e5, highest_bps=1e5).highest_bps == 1e5
    with pytest.raises(ContractError, match=r"uplinks: .*expected 0 < lowest <= highest"):
        UplinkRange(lowest_bps=ends[0], highest_bps=ends[1])


def told(bands: int, *, wires: int = 1, variants: int = 1) -> SessionReply:
    """A session's reply whose first cut has so many wires of one codec, and whose variants share a name."""
    first, *others = PROBLEM.cuts
    problem = replace(
        PROBLEM,
        cuts=(replace(first, wires=wires * first.wires[:1]), *others),
        variants=variants * PROBLEM.variants[:1],
    )
    band = Band(lowest_bps=1e6, assignment=None, plan=NO_PLAN)
    return SessionReply(assignment=None, plan=NO_PLAN, problem=problem, bands=bands * (band,))


def test_a_reply_of_more_bands_than_an_edge_looks_at_is_refused() -> None:
    """All of them are priced between two requests."""
    assert len(told(MOST_BANDS).bands) == MOST_BANDS
    with pytest.raises(ContractError, match=f"{MOST_BANDS + 1} bands; expected at most {MOST_BANDS}"):
        told(MOST_BANDS + 1)


@pytest.mark.parametrize("alike", [(9, 1), (1, 9), (3, 3)])
def test_a_reply_with_many_choices_of_one_name_is_refused(alike: Sequence[int]) -> None:
    """Which of them a band means is found by pricing each; without bands none is meant."""
    wires, variants = alike
    assert told(1, wires=4, variants=2).bands
    assert not told(0, wires=wires, variants=variants).bands
    with pytest.raises(ContractError, match=r"problem\.cuts\[0\]: 9 choices of one codec and variant; .* at most 8"):
        told(1, wires=wires, variants=variants)
