"""Every policy, on anything: nobody unanswered, nothing beyond the table, the same again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.serving import RejectReason
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.policies.arrivals import SLO_S, drawn, poisson
from tests.planner.serving.tables import drawn_table, gpu_like
from tests.thoroughness import examples


@pytest.mark.parametrize("name", sorted(POLICIES))
@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 10_000), rejects_late=st.booleans(), counts_idle=st.booleans())
def test_whatever_comes_is_answered_or_turned_away(name: str, seed: int, rejects_late: bool, counts_idle: bool) -> None:
    """On lawless tables and arrivals: the event loop refuses any decision that is not well formed."""
    table = drawn_table(seed, units=1 + seed % 3, points=1 + seed % 4)
    options = PolicyOptions(rejects_late=rejects_late, counts_idle=counts_idle, power_cap_w=30.0 if seed % 2 else None)
    requests = drawn(seed, 60, units=len(table.units))
    policy = POLICIES[name](table, options)
    report = simulate(policy, requests, most_waiting=16)
    assert policy.name == name
    assert report.requests == len(requests)
    # Whatever the policy, the line refuses what an edge's share holds back for too long.
    allowed = {RejectReason.FULL, RejectReason.OVERLOAD, *({RejectReason.LATE} if rejects_late else ())}
    assert set(report.rejected) <= allowed
    assert simulate(POLICIES[name](table, options), requests, most_waiting=16) == report


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_light_load_is_served_in_time(name: str) -> None:
    """At a tenth of what the device can do hardly anybody is late, whatever the policy."""
    table = gpu_like(speed_ups=(1.0, 1.8), accuracies=(0.8, 0.797), switch_s=1e-4)
    report = simulate(POLICIES[name](table, PolicyOptions()), poisson(40.0, 2000, 3))
    assert report.miss_rate < 0.02


def test_clocks_save_and_batches_save_more() -> None:
    """At half load each step of freedom uses less energy than the one before: fixed, one clock, clocks and filling."""
    table = gpu_like()
    joules = {
        name: simulate(
            POLICIES[name](table, PolicyOptions()), poisson(250.0, 4000, 5, slo_s=SLO_S)
        ).energy_per_request_j
        for name in ("fixed", "fp32-only", "eali")
    }
    assert joules["eali"] < joules["fp32-only"] < joules["fixed"]
