"""Clocks and shares for settled partitions: the cone program against closed forms and a fine grid."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from joulecut_core.errors import PlanError
from joulecut_core.fleets import Fleet, Shared
from joulecut_planner.baselines.fleets.allocation import allocated
from joulecut_planner.baselines.fleets.device_tables import DeviceTables
from joulecut_planner.fleet.shares import fill
from tests.planner.fleet.drawn_fleets import drawn_fleet


def devices_of(fleet: Fleet) -> list[DeviceTables]:
    """What the method sees of each edge."""
    return [DeviceTables.of(edge.problem, fleet.shared) for edge in fleet.edges]


def with_deadline(fleet: Fleet, latency_s: float | None) -> Fleet:
    """The fleet with one deadline for all."""
    edges = tuple(
        replace(
            edge, problem=replace(edge.problem, slo=replace(edge.problem.slo, latency_s=latency_s, margin="cantelli"))
        )
        for edge in fleet.edges
    )
    return replace(fleet, edges=edges)


def test_without_deadlines_shares_are_filled_like_water() -> None:
    """The cheapest clock each, and the shares that the closed form gives."""
    fleet = with_deadline(drawn_fleet(3, 5, cuts=6, edge_points=4, server_points=3, uplink_share=0.2), None)
    devices = devices_of(fleet)
    resources = allocated(devices, [1] * 5, fleet.shared.uplink_bps)
    assert resources is not None
    radio_w_bps = np.array([device.radio_w_bps[1] for device in devices])
    most_bps = np.array([device.most_bps for device in devices])
    filled = fill(radio_w_bps, np.zeros(5), most_bps, fleet.shared.uplink_bps or math.inf)
    np.testing.assert_allclose(resources.shares_bps, filled.share_bps, rtol=2e-3)
    for device, mix in zip(devices, resources.mixes, strict=True):
        assert mix.sum() == pytest.approx(1.0)
        assert mix[device.power_w[1].argmin()] == pytest.approx(1.0, abs=1e-3)


def test_one_edge_with_a_deadline_against_a_fine_grid() -> None:
    """With the whole uplink its own, no sampled mixture of two clocks that is in time costs less."""
    fleet = with_deadline(drawn_fleet(4, 1, cuts=6, edge_points=6, server_points=3, uplink_share=3.0), None)
    (device,) = devices_of(fleet)
    partition, between = 3, np.array([0.0, 0.0, 0.6, 0.4, 0.0, 0.0])
    deadline_s = float(device.at(between, device.most_bps).bound_s(device.z)[partition])
    (device,) = devices_of(with_deadline(fleet, deadline_s))
    resources = allocated([device], [partition], fleet.shared.uplink_bps)
    assert resources is not None
    (mix,) = resources.mixes
    seen = device.at(mix, float(resources.shares_bps[0]))
    assert seen.bound_s(device.z)[partition] <= deadline_s
    assert seen.bound_s(device.z)[partition] == pytest.approx(deadline_s, rel=1e-4)
    least_w = math.inf
    for lower, upper in pairwise(range(6)):
        for step in np.linspace(0.0, 1.0, 101):
            tried = np.zeros(6)
            tried[lower], tried[upper] = 1.0 - step, step
            sampled = device.at(tried, device.most_bps)
            if sampled.bound_s(device.z)[partition] <= deadline_s * (1.0 + 1e-12):
                least_w = min(least_w, float(sampled.power_w[partition]))
    assert float(seen.power_w[partition]) <= least_w * (1.0 + 1e-5)


def test_deadlines_take_share_from_who_can_wait() -> None:
    """Of two equal edges the one with the nearer deadline gets more of a short uplink, and both are in time."""
    (edge,) = with_deadline(drawn_fleet(3, 1, cuts=6, edge_points=4, server_points=3), 0.5).edges
    sent_bits = 8.0 * edge.problem.cuts[1].wires[0].uplink_bytes
    link = replace(edge.problem.link, uplink_bps=sent_bits / 0.02)
    patient = replace(edge, problem=replace(edge.problem, link=link))
    hurried = replace(
        edge, name="hurried", problem=replace(patient.problem, slo=replace(edge.problem.slo, latency_s=0.15))
    )
    fleet = Fleet(edges=(patient, hurried), shared=Shared(uplink_bps=sent_bits / 0.05))
    devices = devices_of(fleet)
    resources = allocated(devices, [1, 1], fleet.shared.uplink_bps)
    assert resources is not None
    assert resources.shares_bps[1] > resources.shares_bps[0] * 1.05
    assert resources.shares_bps.sum() <= (fleet.shared.uplink_bps or 0.0)
    for device, mix, share_bps in zip(devices, resources.mixes, resources.shares_bps.tolist(), strict=True):
        assert device.at(mix, share_bps).bound_s(device.z)[1] <= device.deadline_s


def test_what_cannot_be_in_time_is_late_and_told() -> None:
    """A deadline that nothing can keep leaves an answer, within the uplink, and nobody's share is negative."""
    fleet = with_deadline(drawn_fleet(3, 3, cuts=6, edge_points=4, server_points=3, uplink_share=0.05), 0.02)
    devices = devices_of(fleet)
    resources = allocated(devices, [0, 1, len(devices[2].cut) - 1], fleet.shared.uplink_bps)
    assert resources is not None
    assert resources.shares_bps[2] == 0.0
    assert (resources.shares_bps[:2] > 0.0).all()
    assert resources.shares_bps.sum() <= (fleet.shared.uplink_bps or 0.0)
    late = devices[0].at(resources.mixes[0], float(resources.shares_bps[0])).bound_s(devices[0].z)[0]
    assert late > devices[0].deadline_s


def test_without_cvxpy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning needs no cvxpy; the one baseline that does says what to install."""
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    fleet = with_deadline(drawn_fleet(3, 1, cuts=4, edge_points=2, server_points=2), None)
    with pytest.raises(PlanError, match=r"robust needs cvxpy.*install joulecut\[fleet\]"):
        allocated(devices_of(fleet), [0], None)
