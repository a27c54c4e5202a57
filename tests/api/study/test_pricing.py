"""Revenue by name or from a user's own function."""

from __future__ import annotations

import pytest

from joulecut.study.pricing import Pricing, find_revenue
from joulecut_core.errors import ConfigError
from joulecut_planner.studies import REVENUES, RevenueCase, SettingCost

DEFAULT = SettingCost(batch=1, latency_s=0.01, energy_j=1.0)
BETTER = SettingCost(batch=8, latency_s=0.04, energy_j=2.0)


def frugal(case: RevenueCase) -> float:
    """Images per joule, squared

    and more lines that no table has room for.
    """
    return case.images_per_joule**2


def negative(case: RevenueCase) -> float:
    """Less than nothing."""
    return -case.latency_s


def failing(case: RevenueCase) -> float:
    """Not a formula."""
    raise RuntimeError(f"no price for {case.latency_s}")


def test_registered_formulas_by_name() -> None:
    """The deadline is the user's, or a multiple of the default's latency, and says which."""
    given, derived = (Pricing(model=find_revenue("slo"), slo_s=slo_s) for slo_s in (0.02, None))
    assert given.model is REVENUES["slo"]
    assert given.revenue(BETTER, DEFAULT) == pytest.approx(4.0 / 4)
    assert derived.revenue(BETTER, DEFAULT) == pytest.approx(4.0)
    assert "20 ms, as given" in given.slo_rule
    assert "5 times" in derived.slo_rule


def test_a_users_function() -> None:
    """Found by name, its docstring's first line shown as its formula."""
    model = find_revenue("tests.api.study.test_pricing:frugal")
    assert model.formula == "Images per joule, squared"
    assert Pricing(model=model, slo_s=None).revenue(BETTER, DEFAULT) == pytest.approx(16.0)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("profit", "expected slo, prompt, efficiency, or package.module:function"),
        ("tests.api.study.test_pricing:absent", "AttributeError"),
        ("no_such_module:f", "ModuleNotFoundError"),
        ("tests.api.study.test_pricing:DEFAULT", "is no function"),
    ],
)
def test_what_is_no_revenue_is_refused(reference: str, message: str) -> None:
    """Before anything is measured."""
    with pytest.raises(ConfigError, match=message):
        find_revenue(reference)


@pytest.mark.parametrize(("name", "message"), [("negative", "expected a positive number"), ("failing", "no price")])
def test_a_function_without_a_number_is_named(name: str, message: str) -> None:
    """A user's mistake is told as theirs."""
    pricing = Pricing(model=find_revenue(f"tests.api.study.test_pricing:{name}"), slo_s=None)
    with pytest.raises(ConfigError, match=message):
        pricing.revenue(BETTER, DEFAULT)


def test_without_joules_there_is_no_revenue() -> None:
    """It is unknown, not zero."""
    blind = SettingCost(batch=1, latency_s=0.01, energy_j=None)
    assert Pricing(model=find_revenue("slo"), slo_s=None).revenue(blind, DEFAULT) is None


def test_a_deadline_is_positive() -> None:
    """A deadline of 0 would make every answer worthless."""
    with pytest.raises(ConfigError, match="--slo-ms"):
        Pricing(model=find_revenue("slo"), slo_s=0.0)
