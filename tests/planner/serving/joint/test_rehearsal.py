"""A rehearsal does what the simulator does, one arrival at a time."""

from __future__ import annotations

import pytest

from joulecut_core.service_tables import ServiceTable
from joulecut_core.serving import QueuedRequest, ServingPolicy
from joulecut_planner.serving.costs import ServiceCosts
from joulecut_planner.serving.joint.rehearsal import Rehearsal
from joulecut_planner.serving.joint.value_policy import ValuePolicy
from joulecut_planner.serving.policies import POLICIES, PolicyOptions
from joulecut_planner.serving.simulation.capacity import capacity
from joulecut_planner.serving.simulation.event_loop import simulate
from tests.planner.serving.joint.arrivals import poisson, three_lone_s
from tests.planner.serving.joint.solved import DECISIONS, common_table


def _policies(table: ServiceTable, slo_s: float) -> dict[str, ServingPolicy]:
    return {
        "values": ValuePolicy(table, slo_s=slo_s, kept=DECISIONS),
        **{name: POLICIES[name](table, PolicyOptions()) for name in ("eali", "fixed", "dvfs-only")},
    }


@pytest.mark.parametrize("switch_s", [0.0, 0.001])
@pytest.mark.parametrize("name", ["values", "eali", "fixed", "dvfs-only"])
def test_joules_and_misses_are_the_simulators(name: str, switch_s: float) -> None:
    """For whatever policy: what is rehearsed until the last arrival is what the simulator books until then."""
    table = common_table(switch_s)
    slo_s = three_lone_s(ServiceCosts(table))
    requests = poisson(0.7 * capacity(table, slo_s).rate_hz, slo_s, count=300, seed=3)
    # Long behind the others, so that all of them have been answered; and itself is nobody's miss.
    end_s = requests[-1].arrival_s + 3.0 * slo_s
    last = QueuedRequest(len(requests), end_s, end_s + 100.0 * slo_s)
    report = simulate(_policies(table, slo_s)[name], [*requests, last])
    rehearsal = Rehearsal(_policies(table, slo_s)[name], ServiceCosts(table))
    for request in (*requests, last):
        rehearsal.come(request)
    energy_j, missed = rehearsal.taken()
    assert missed == report.requests - report.on_time
    # The last one's batch, and the rest before the first request, are the simulator's alone.
    alone_j = ServiceCosts(table).energy_j(0, 1, 0) + table.idle_w[-1] * (requests[0].arrival_s + 100.0 * slo_s)
    assert report.energy_j - 4.0 * alone_j < energy_j <= report.energy_j * (1.0 + 1e-9)
    assert rehearsal.taken() == (0.0, 0)
