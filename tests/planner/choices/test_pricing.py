"""The contract's formulas, against figures worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings

from joulecut_core.problems import Problem, Slo
from joulecut_planner.choices.constraints import binding, violated
from joulecut_planner.choices.pricing import Choice, margin_factor, price
from joulecut_planner.exact.oracle import choices
from joulecut_planner.problem_file import parse_problem
from tests.planner.problem_strategies import problems
from tests.planner.small_document import small_document
from tests.thoroughness import examples

JPEG_AT_INPUT = Choice(cut=0, wire=1, variant=0, edge_point=1, server_point=0)
SPLIT = Choice(cut=1, wire=0, variant=0, edge_point=0, server_point=0)
AT_HOME = Choice(cut=2, wire=0, variant=0, edge_point=1, server_point=None)


def small_problem(**slo: float | str | None) -> Problem:
    """The small problem under another service level."""
    return replace(parse_problem(small_document()), slo=Slo(**slo))  # type: ignore[arg-type]


def test_offloaded_with_a_rate() -> None:
    """Every term of T, E_edge and E_server of a JPEG sent ten times a second."""
    cost = price(small_problem(rate_hz=10.0), JPEG_AT_INPUT)
    # 8 * 43000 / 2e7 up, 8 * 4000 / 1e7 down
    assert cost.breakdown.t_up == pytest.approx(0.0172)
    assert cost.breakdown.t_down == pytest.approx(0.0032)
    assert cost.latency_s == pytest.approx(0.003 + 0.0172 + 0.002 + 0.001 + 0.002 + 0.0032)
    # 3 W over 0.1 s, 1 W encoding for 3 ms, radio 1.5 W up and 1 W down
    assert cost.edge_energy_j == pytest.approx(0.3 + 0.003 + 1.5 * 0.0172 + 0.0032)
    # 220 W for 2 ms, 20 W for 1 ms, a tenth of 70 W for what is left of 0.1 s
    assert cost.server_energy_j == pytest.approx(0.44 + 0.02 + 7.0 * (0.1 - 0.003))
    assert cost.energy_j == pytest.approx(cost.edge_energy_j + 0.5 * cost.server_energy_j)
    assert cost.slowest_stage_s == pytest.approx(0.0172)
    assert cost.accuracy_loss == pytest.approx(0.004)


def test_offloaded_without_a_rate() -> None:
    """A request answers for the time until its answer, waiting included."""
    cost = price(small_problem(), SPLIT)
    latency_s = 0.012 + 0.016 + 0.002 + 0.0015 + 0.0032
    assert cost.latency_s == pytest.approx(latency_s)
    assert cost.edge_energy_j == pytest.approx(2.0 * latency_s + 3.0 * 0.012 + 1.5 * 0.016 + 0.0032)
    assert cost.server_energy_j == pytest.approx(210 * 0.0015 + 7.0 * (latency_s - 0.0015))


def test_at_home_nothing_of_the_server_counts() -> None:
    """The last cut pays for neither link nor server, idling included, and has no spread of the link."""
    cost = price(small_problem(rate_hz=10.0, quantile=0.9, margin="cantelli"), AT_HOME)
    assert cost.latency_s == pytest.approx(0.022)
    assert cost.latency_bound_s == pytest.approx(0.022 + 3.0 * 0.0005)
    assert cost.edge_energy_j == pytest.approx(3.0 * 0.1 + 6.5 * 0.022)
    assert cost.server_energy_j == 0.0


def test_margins() -> None:
    """Cantelli's and the Gaussian factor at known quantiles; none without a quantile."""
    assert margin_factor(Slo(quantile=0.99)) == pytest.approx(math.sqrt(99))
    assert margin_factor(Slo(quantile=0.975, margin="gaussian")) == pytest.approx(1.959964, rel=1e-6)
    assert margin_factor(Slo(latency_s=1.0)) == 0.0


def test_spreads_add_as_variances() -> None:
    """Parts and link vary independently."""
    cost = price(small_problem(quantile=0.8, margin="cantelli"), SPLIT)
    assert cost.latency_bound_s - cost.latency_s == pytest.approx(2.0 * math.hypot(0.0003, 0.001))


@settings(max_examples=examples(100), deadline=None)
@given(problem=problems(max_cuts=3, max_points=2))
def test_shares_add_up(problem: Problem) -> None:
    """The breakdown's seconds are the latency; its joules are the two sides' energies."""
    for choice in choices(problem):
        cost = price(problem, choice)
        parts = cost.breakdown
        seconds = (parts.t_edge, parts.encode_s, parts.t_up, parts.rtt_s, parts.decode_s, parts.t_server, parts.t_down)
        assert sum(seconds) == pytest.approx(cost.latency_s)
        edge_j = parts.edge_busy_j + parts.edge_wait_j + parts.encode_j + parts.radio_j
        assert edge_j == pytest.approx(cost.edge_energy_j, abs=1e-12)
        server_j = parts.server_busy_j + parts.decode_j + parts.server_idle_j
        assert server_j == pytest.approx(cost.server_energy_j, abs=1e-12)


def test_bounds_have_a_tolerance_of_one_in_a_billion() -> None:
    """A choice on its bound is feasible; one a little beyond is not."""
    latency_s = price(small_problem(), AT_HOME).latency_s
    for factor, broken in ((1.0, ()), (1 - 5e-10, ()), (1 - 2e-9, ("latency",))):
        problem = small_problem(latency_s=latency_s * factor)
        assert violated(problem, price(problem, AT_HOME)) == broken


@pytest.mark.parametrize(
    ("slo", "budget", "expected"),
    [
        ({"latency_s": 0.0221}, 0.01, ("latency",)),
        ({"latency_s": 0.023}, 0.01, ()),
        ({"rate_hz": 45.4}, 0.01, ("rate",)),
        ({"rate_hz": 40.0}, 0.01, ()),
        ({}, 0.0, ("accuracy",)),
        ({"latency_s": 0.022, "rate_hz": 1 / 0.022}, 0.0, ("latency", "rate", "accuracy")),
    ],
)
def test_binding_is_within_one_per_cent(slo: dict[str, float], budget: float, expected: tuple[str, ...]) -> None:
    """What stands in the way of a cheaper plan: constraints within one per cent of their bound."""
    problem = replace(small_problem(**slo), max_accuracy_loss=budget)
    assert binding(problem, price(problem, AT_HOME)) == expected
