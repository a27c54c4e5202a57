"""Carbon of one request: the Software Carbon Intensity of ISO/IEC 21031:2024, for one inference.

    SCI = (E · I + M) per R      E energy, I grid's intensity, M embodied, R functional unit: one inference

No intensity is built in: it differs tenfold between grids and with the hour, so whoever asks gives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulecut_core.errors import ConfigError

_JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonTerms:
    """What carbon is counted with: grams of CO2 equivalent per kWh of the grid, and embodied grams per request.

    Raises ConfigError where one is negative or not finite.
    """

    grid_g_per_kwh: float
    embodied_g: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("grid intensity", self.grid_g_per_kwh), ("embodied carbon", self.embodied_g)):
            if not (math.isfinite(value) and value >= 0.0):
                raise ConfigError(f"{name}: {value} g; expected a finite number, at least 0")


def operational_g(energy_j: float, terms: CarbonTerms) -> float:
    """E · I: grams of CO2 equivalent for joules drawn from the grid."""
    return energy_j / _JOULES_PER_KWH * terms.grid_g_per_kwh


def intensity_g(energy_j: float, terms: CarbonTerms) -> float:
    """SCI: grams of CO2 equivalent per inference that takes `energy_j`. Source: ISO/IEC 21031:2024."""
    return operational_g(energy_j, terms) + terms.embodied_g
