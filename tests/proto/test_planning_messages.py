"""What an edge says of its requests and its link is checked before anything is planned with it."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest

from joulecut_core.errors import ContractError
from joulecut_proto.planning_messages import StageFactors, UplinkRange


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
