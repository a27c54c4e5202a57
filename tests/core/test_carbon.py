"""Carbon of an inference, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest

from joulecut_core.carbon import CarbonTerms, intensity_g, operational_g
from joulecut_core.errors import ConfigError


def test_a_kilowatt_hour_is_the_grids_intensity() -> None:
    """3.6 MJ are a kilowatt-hour: the grams of which were given."""
    assert operational_g(3.6e6, CarbonTerms(grid_g_per_kwh=380.0)) == 380.0


def test_embodied_carbon_is_added_once_per_inference() -> None:
    """SCI = (E I + M) / R: 0.9 J at 400 g/kWh are 0.1 mg; 0.2 mg of hardware come on top."""
    terms = CarbonTerms(grid_g_per_kwh=400.0, embodied_g=0.0002)
    assert operational_g(0.9, terms) == pytest.approx(0.0001)
    assert intensity_g(0.9, terms) == pytest.approx(0.0003)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_impossible_terms_are_refused(value: float) -> None:
    """Neither a grid nor hardware takes carbon out of the air, and the value is named."""
    with pytest.raises(ConfigError, match=str(value)):
        CarbonTerms(grid_g_per_kwh=value)
    with pytest.raises(ConfigError, match="embodied"):
        CarbonTerms(grid_g_per_kwh=1.0, embodied_g=value)
