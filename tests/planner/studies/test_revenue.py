"""The registered revenue formulas."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joulecut_planner.studies import REVENUES, RevenueCase

DEFAULT = RevenueCase(
    images_per_joule=5.0, latency_s=0.01, default_images_per_joule=5.0, default_latency_s=0.01, slo_s=0.05
)


@pytest.mark.parametrize("name", REVENUES)
def test_the_default_earns_one(name: str) -> None:
    """A revenue is read as "times the default", so the default's own is 1."""
    assert REVENUES[name].function(DEFAULT) == pytest.approx(1.0)


@pytest.mark.parametrize("name", REVENUES)
def test_more_images_per_joule_earn_more(name: str) -> None:
    """At the same latency, revenue follows efficiency."""
    better = replace(DEFAULT, images_per_joule=10.0)
    assert REVENUES[name].function(better) == pytest.approx(2.0)


def test_lateness_costs_nothing_before_the_deadline_and_by_the_square_after() -> None:
    """At the deadline the full price; twice as late a quarter of it, without a jump."""
    revenue = REVENUES["slo"].function
    assert revenue(replace(DEFAULT, latency_s=0.05)) == pytest.approx(1.0)
    assert revenue(replace(DEFAULT, latency_s=0.1)) == pytest.approx(0.25)
    assert revenue(replace(DEFAULT, latency_s=0.0500001)) == pytest.approx(1.0, rel=1e-4)


def test_prompt_charges_lateness_at_once_and_efficiency_never() -> None:
    """The other formulas differ in what they charge for."""
    slower = replace(DEFAULT, latency_s=0.02)
    assert REVENUES["prompt"].function(slower) == pytest.approx(0.5)
    assert REVENUES["efficiency"].function(slower) == pytest.approx(1.0)


def test_every_formula_is_said() -> None:
    """A page shows the formula beside the number."""
    assert all("images/J" in model.formula and name == model.name for name, model in REVENUES.items())
