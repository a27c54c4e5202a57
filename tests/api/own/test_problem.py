"""From a network of one's own to a plan: profiles of emulated devices, a problem, and the plans beside it."""

from __future__ import annotations

import pytest
import torch

from joulecut.own.network import capture
from joulecut.own.problem import compare, problem
from joulecut.own.profile import profile
from joulecut_core.errors import ConfigError, ContractError, DeviceError, ProfileError
from joulecut_core.problems import Objective, Problem
from joulecut_planner import BASELINES, solve
from joulecut_proto.framing import ENVELOPE_BYTES
from joulecut_runtime.devices.options import DeviceOptions
from tests.api.own.small_networks import Words, captured_vectors, profiles_of_vectors


def _problem(**terms: float) -> Problem:
    edge, server = profiles_of_vectors()
    return problem(edge=edge, server=server, wires=captured_vectors().wires(), **{"uplink_bps": 20e6, **terms})  # type: ignore[arg-type]  # numbers, each by its name


def test_profiles() -> None:
    """Each is of this network, its device and side; progress is told to the end."""
    edge, server = profiles_of_vectors()
    assert {edge.key.network_digest, server.key.network_digest} == {captured_vectors().digest}
    assert (edge.key.side, server.key.side) == ("edge", "server")
    told: list[tuple[int, int]] = []
    again = profile(
        captured_vectors(),
        device="emulated:orin-nano-15w",
        side="edge",
        rates_hz=(10.0,),
        progress=lambda done, total, _: told.append((done, total)),
    )
    assert again.points == edge.points
    assert [governed.rate_hz for governed in again.governed] == [10.0]
    assert told[-1][0] == told[-1][1] > 0


def test_profiles_that_cannot_be_made() -> None:
    """An unknown device, a side that is none, inputs of another network, options that emulation has not."""
    with pytest.raises(DeviceError, match="did you mean"):
        profile(captured_vectors(), device="emulated:orin-nano", side="edge")
    with pytest.raises(ConfigError, match="expected 'edge' or 'server'"):
        profile(captured_vectors(), device="emulated:t4", side="both")  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(ContractError):
        profile(captured_vectors(), device="emulated:t4", side="server", inputs=(torch.zeros(2, 8).numpy(),))
    with pytest.raises(ConfigError, match="leave them out"):
        profile(captured_vectors(), device="emulated:t4", side="server", options=DeviceOptions())


def test_a_problem_says_what_was_asked() -> None:
    """Every term arrives in its place, the downlink as the uplink, messages with their envelope."""
    posed = _problem(rtt_s=0.004, latency_s=0.05, quantile=0.99, rate_hz=12.0, uplink_w=0.8, max_accuracy_loss=0.1)
    assert (posed.link.uplink_bps, posed.link.downlink_bps, posed.link.rtt_s) == (20e6, 20e6, 0.004)
    assert (posed.slo.latency_s, posed.slo.quantile, posed.slo.rate_hz) == (0.05, 0.99, 12.0)
    assert (posed.link.uplink_w, posed.max_accuracy_loss) == (0.8, 0.1)
    assert posed.cuts[0].wires[0].uplink_bytes == 8 * 4 + ENVELOPE_BYTES
    assert _problem(downlink_bps=5e6).link.downlink_bps == 5e6


def test_an_objective() -> None:
    """Whose joules count changes the problem and nothing else."""
    edge, server = profiles_of_vectors()
    battery = Objective(server_weight=0.0)
    posed = problem(edge=edge, server=server, wires=captured_vectors().wires(), uplink_bps=20e6, objective=battery)
    assert posed.objective == battery
    assert posed.cuts == _problem().cuts


def test_measurements_of_another_network() -> None:
    """Profiles and wires of two networks make no problem."""
    edge, server = profiles_of_vectors()
    other = capture(Words(), torch.zeros(1, 6, dtype=torch.int64), torch.zeros(1, 4))
    with pytest.raises(ProfileError, match="expected that of the wires"):
        problem(edge=edge, server=server, wires=other.wires(), uplink_bps=1e6)
    with pytest.raises(ProfileError, match="expected 'edge'"):
        problem(edge=server, server=server, wires=captured_vectors().wires(), uplink_bps=1e6)


def test_compare() -> None:
    """The joint plan first, every baseline beside it, and none that keeps the constraints costs less."""
    posed = _problem(latency_s=0.05, rate_hz=10.0)
    rows = compare(posed)
    assert [row.name for row in rows] == list(BASELINES)
    joint = rows[0].plan
    assert (rows[0].name, joint.energy_j) == ("joint", solve(posed).energy_j)
    assert joint.energy_j is not None
    for row in rows:
        assert row.source
        if row.plan.status == "optimal" and row.plan.energy_j is not None:
            assert row.plan.energy_j >= joint.energy_j * (1 - 1e-9)
