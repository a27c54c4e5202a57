"""What an edge does by itself: its local plan, and its start where there is no multicast."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

import pytest

from joulecut_core.errors import ConfigError
from joulecut_core.plans import INFEASIBLE, OPTIMAL
from joulecut_core.problems import Objective, Slo
from joulecut_edge import agent
from joulecut_edge.config import EdgeConfig
from joulecut_edge.peers.transport import Transport
from joulecut_edge.plans.active_plan import LOCAL_EPOCH, ActivePlan
from joulecut_edge.plans.local_active_plan import local_active_plan
from joulecut_edge.plans.wishes import Wishes
from joulecut_planner import Policy
from tests.integration.tiny_profiles import edge_profile

CONFIG = EdgeConfig(device="emulated:orin-nano-15w", bundle="net")


def local(slo: Slo) -> ActivePlan:
    wishes = Wishes(policy=Policy.JOINT, objective=Objective(), slo=slo, max_accuracy_loss=0.0)
    return local_active_plan(edge_profile(), wishes)


def test_the_local_plan_keeps_everything_here() -> None:
    """Alone, the edge runs the whole network at a clock of its table, under the epoch that no server hands out."""
    profile = edge_profile()
    active = local(Slo())
    assert active.offloads is False
    assert (active.assignment.epoch, active.assignment.cut) == (LOCAL_EPOCH, profile.last_cut)
    assert active.assignment.network_digest == profile.key.network_digest
    assert active.assignment.edge_clock in profile.clock_table
    assert active.assignment.server_clock is None
    assert (active.plan.status, active.period_s, active.link) == (OPTIMAL, None, None)
    assert active.local_tail is not None
    assert [point for point, _ in active.local_tail.clocks] == list(profile.clock_table)


@pytest.mark.parametrize(("rate_hz", "period_s"), [(20.0, 0.05), (None, None), (1e6, 1e-6)])
def test_the_local_plan_knows_what_waiting_draws(rate_hz: float | None, period_s: float | None) -> None:
    """The ledger prices waiting at the board's measured draw at the held clock, at any rate, feasible or not."""
    active = local(Slo(rate_hz=rate_hz))
    assert active.period_s == pytest.approx(period_s)
    waiting_w = {point.requested: point.wait_w for point in edge_profile().points}
    clock = active.assignment.edge_clock
    assert clock is not None
    assert active.wait_w == pytest.approx(waiting_w[clock], rel=0.02)


def test_a_deadline_that_cannot_be_kept_still_gives_a_plan() -> None:
    """An edge answers as fast as it can where its service level is out of reach, and the plan says so."""
    active = local(Slo(latency_s=1e-6, quantile=0.99))
    assert active.plan.status == INFEASIBLE
    assert active.assignment.edge_clock == edge_profile().clock_table[-1]


@pytest.mark.parametrize(("rate_hz", "measured_hz"), [(None, ()), (30.0, (30.0,)), (1e-3, (0.5,))])
def test_a_start_does_not_wait_for_rare_requests(rate_hz: float | None, measured_hz: tuple[float, ...]) -> None:
    """A request each quarter of an hour, forty times over, would be measured for half a day before the first answer."""
    assert agent._measured_rates_hz(Slo(rate_hz=rate_hz)) == measured_hz


async def candidates(config: EdgeConfig) -> tuple[str, ...]:
    async with AsyncExitStack() as stack:
        servers = await agent._servers(config, stack, Transport(insecure=True))
        return tuple(each.address for each in await servers.candidates())


def test_named_servers_are_the_only_ones() -> None:
    """With configured addresses nothing is looked for; a malformed one stops the start."""

    def named(server: str) -> tuple[str, ...]:
        return asyncio.run(candidates(EdgeConfig(device=CONFIG.device, bundle="net", server=server)))

    assert named("10.0.0.1:7000") == ("10.0.0.1:7000",)
    assert named("10.0.0.1:7000, unix:/run/gpu.sock") == ("10.0.0.1:7000", "unix:/run/gpu.sock")
    with pytest.raises(ConfigError, match="address 'gpu': expected host:port"):
        named("10.0.0.1:7000,gpu")


def test_without_multicast_the_edge_runs_locally(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A host without a network is no reason not to start: the log says what to configure."""

    def refuse() -> None:
        raise OSError(19, "No such device")

    monkeypatch.setattr(agent, "Browser", refuse)

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(candidates(CONFIG)) == ()
    assert "running locally; name a server in the configuration" in caplog.text


def test_an_edge_has_as_many_files_as_its_host_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications that leave connections open took all of the usual 1024, and none was left to reach a server by."""

    def allow() -> int:
        raise LookupError("asked")

    monkeypatch.setattr(agent, "allow_open_files", allow)

    async def start() -> None:
        async with agent.serving(CONFIG):
            pass

    with pytest.raises(LookupError, match="asked"):
        asyncio.run(start())
