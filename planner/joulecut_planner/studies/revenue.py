"""Revenue: one number that trades images per joule against latency.

Yao et al. (2020) propose such a model; its formula is in no public text that was found. The formulas here are
joulecut's own. Each is 1, or nearly so, at the default setting, so that a revenue is read as "times the default".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

_LATE_EXPONENT = 2.0
"""How fast an answer loses its worth after the deadline: twice as late, a quarter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueCase:
    """A setting beside the default one. `slo_s`: the seconds within which an answer is worth its full price."""

    images_per_joule: float
    latency_s: float
    default_images_per_joule: float
    default_latency_s: float
    slo_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueModel:
    """A way to price settings; `formula` says it to a reader, `function` computes it (more is better)."""

    name: str
    formula: str
    function: Callable[[RevenueCase], float]


def within_slo(case: RevenueCase) -> float:
    """Efficiency gain, discounted beyond the deadline."""
    worth = 1.0 if case.latency_s <= case.slo_s else (case.slo_s / case.latency_s) ** _LATE_EXPONENT
    return case.images_per_joule / case.default_images_per_joule * worth


def prompt(case: RevenueCase) -> float:
    """Efficiency gain times speed-up: what is slower than the default pays for it at once."""
    return case.images_per_joule / case.default_images_per_joule * case.default_latency_s / case.latency_s


def efficient(case: RevenueCase) -> float:
    """Efficiency gain alone."""
    return case.images_per_joule / case.default_images_per_joule


REVENUES: Mapping[str, RevenueModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            RevenueModel(
                name="slo",
                formula="(images/J) / (images/J of the default) * g(t), g = 1 for t <= SLO, else (SLO / t)^2",
                function=within_slo,
            ),
            RevenueModel(
                name="prompt",
                formula="(images/J) / (images/J of the default) * (t of the default) / t",
                function=prompt,
            ),
            RevenueModel(
                name="efficiency",
                formula="(images/J) / (images/J of the default), whatever the latency",
                function=efficient,
            ),
        )
    }
)
"""By name."""
