"""Sessions are planned beside the event loop, and their epochs still rise as their requests came in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

import joulecut_server.planning.planning
from joulecut_core.errors import ContractError
from joulecut_core.problems import Objective, Slo
from joulecut_core.timing import ManualClock
from joulecut_planner import PlanningInputs, Policy, PolicyPlan, plan_policy
from joulecut_planner.drift import Corrections
from joulecut_planner.tails import TailEstimates, TailMethod, profile_tail
from joulecut_proto.planning_messages import SessionReply, StageFactors, UplinkRange
from joulecut_runtime.devices.opening import open_device
from joulecut_runtime.execution.device_worker import DeviceWorker
from joulecut_runtime.execution.part_runner import PartRunner
from joulecut_server.limits import Limits
from joulecut_server.planning.planning import ServerPlanning
from joulecut_server.served_network import ServedNetwork, ServedNetworks
from joulecut_server.sessions.epochs import EpochCounter
from joulecut_server.sessions.session_clocks import SessionClocks
from joulecut_server.sessions.sessions import SessionBook
from tests.integration.tiny_network import tiny_network
from tests.integration.tiny_profiles import SERVER_DEVICE, server_profile
from tests.server.gates import WAIT_S, Gate
from tests.server.keepers import its_own, keeper_of
from tests.server.parts import REQUEST, one_for_all


def with_planning(
    folder: Path,
    use: Callable[[ServerPlanning, SessionBook], Awaitable[None]],
    *,
    share_of: Callable[[str], str | None] = one_for_all,
) -> None:
    """Planning of the tiny network on virtual time."""

    async def run() -> None:
        clock = ManualClock()
        device = open_device(SERVER_DEVICE, clock=clock)
        served = ServedNetwork(folder=folder, runner=PartRunner(tiny_network(), device), profile=server_profile())
        sessions = SessionBook(EpochCounter(folder / "epoch"))
        worker = DeviceWorker(clock)
        planning = ServerPlanning(
            ServedNetworks((served,)),
            sessions,
            worker,
            SessionClocks(sessions, worker, keeper_of(device, clock)),
            activated=lambda _: None,
            share_of=share_of,
            limits=Limits(),
        )
        await asyncio.wait_for(use(planning, sessions), 2 * WAIT_S)
        planning.close()
        worker.close()
        device.close()

    asyncio.run(run())


@pytest.fixture(name="gate")
def _gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Every plan of a session stands still in the gate before it is made."""
    gate = Gate()

    def gated(policy: Policy, inputs: PlanningInputs, *, tails: TailEstimates, corrections: Corrections) -> PolicyPlan:
        gate.pass_through()
        return plan_policy(policy, inputs, tails=tails, corrections=corrections)

    monkeypatch.setattr(joulecut_server.planning.planning, "plan_policy", gated)
    return gate


def epoch_of(reply: SessionReply) -> int:
    assert reply.assignment is not None
    return reply.assignment.epoch


def test_epochs_rise_as_requests_came_in(tmp_path: Path) -> None:
    """Many edges at once: each gets the next epoch of its turn, so a later plan never looks older than an earlier."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        requests = [
            replace(REQUEST, session_id=f"edge-{index % 4}", policy=policy)
            for index, policy in enumerate(("joint", "all-server", "all-edge") * 4)
        ]
        replies = await asyncio.gather(*map(planning.plan_session, requests))
        assert [epoch_of(reply) for reply in replies] == list(range(1, 13))
        last = max(
            epoch_of(reply) for reply, asked in zip(replies, requests, strict=True) if asked.session_id[-1] == "2"
        )
        assert sessions.activate("edge-2", last).epoch == last

    with_planning(tmp_path, use)


def test_the_event_loop_is_free_while_a_session_is_planned(tmp_path: Path, gate: Gate) -> None:
    """One edge's plan under way: another's clock is leased and given back meanwhile."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        asked = asyncio.create_task(planning.plan_session(REQUEST))
        await gate.entered()
        await planning.release("edge-2")
        assert (asked.done(), sessions.last_epoch) == (False, 0)
        gate.open()
        assert epoch_of(await asked) == 1
        assert await planning.activate("edge-1", 1) is not None

    with_planning(tmp_path, use)


def test_one_edges_plans_do_not_keep_another_waiting(tmp_path: Path, gate: Gate) -> None:
    """However many of its own wait: who has had the least of the planning thread is next, each in its own order."""

    async def use(planning: ServerPlanning, _: SessionBook) -> None:
        many = [asyncio.create_task(planning.plan_session(REQUEST)) for _ in range(5)]
        await gate.entered()
        one = asyncio.create_task(planning.plan_session(replace(REQUEST, session_id="edge-2")))
        await asyncio.sleep(0)
        gate.open()
        assert epoch_of(await one) == 2
        assert [epoch_of(reply) for reply in await asyncio.gather(*many)] == [1, 3, 4, 5, 6]

    with_planning(tmp_path, use, share_of=its_own)


def test_an_edge_that_leaves_gets_no_epoch(tmp_path: Path, gate: Gate) -> None:
    """A plan whose edge has hung up, running or waiting, changes nothing; the next edge gets the first epoch."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        running = asyncio.create_task(planning.plan_session(REQUEST))
        await gate.entered()
        waiting = asyncio.create_task(planning.plan_session(REQUEST))
        await asyncio.sleep(0)
        running.cancel()
        waiting.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        gate.open()
        reply = await planning.plan_session(replace(REQUEST, session_id="edge-2"))
        assert (epoch_of(reply), sessions.last_epoch, len(sessions)) == (1, 1, 1)

    with_planning(tmp_path, use)


def test_a_preview_changes_nothing(tmp_path: Path) -> None:
    """Asking what would be planned raises no epoch and starts no session."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        reply = await planning.plan_session(replace(REQUEST, preview=True))
        assert (reply.assignment, reply.plan.cut) == (None, 0)
        assert (sessions.last_epoch, len(sessions)) == (0, 0)

    with_planning(tmp_path, use)


def test_none_is_given_whose_requests_are_refused_for_their_size(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An edge under such a plan gets each request back, joins again, and has the same; what is left out is logged."""
    sizes = {wire.cut: wire.max_bytes for wire in REQUEST.wires.wires}

    async def use(planning: ServerPlanning, _: SessionBook) -> None:
        for most_bytes, is_given in ((sizes[0], True), (sizes[0] - 1, False)):
            planning.limits = Limits(stream_tensor_bytes=most_bytes)
            assert ((await planning.plan_session(REQUEST)).assignment is not None) is is_given
        other = (await planning.plan_session(replace(REQUEST, policy="energy-cut"))).assignment
        assert other is not None
        assert sizes.get(other.cut, 0) < sizes[0]

    with caplog.at_level("INFO"):
        with_planning(tmp_path, use)
    assert "session edge-1: 2 of 4 wires are left out of its plan" in caplog.text


def test_a_tail_is_applied_to_both_sides(tmp_path: Path) -> None:
    """The problem's spreads are the tails of the profiles' runs; without the wish they are standard deviations."""

    async def use(planning: ServerPlanning, _: SessionBook) -> None:
        slo = Slo(latency_s=1.0, quantile=0.8)
        request = replace(REQUEST, preview=True, slo=slo)
        plain = (await planning.plan_session(request)).problem.variants[0]
        tailed = (await planning.plan_session(replace(request, tail_method="empirical"))).problem.variants[0]
        tails = TailEstimates(
            edge=profile_tail(REQUEST.edge, TailMethod.EMPIRICAL),
            server=profile_tail(server_profile(), TailMethod.EMPIRICAL),
        )
        for side, was, spread in (
            (tailed.edge, plain.edge, tails.edge_spread(slo)),
            (tailed.server, plain.server, tails.server_spread(slo)),
        ):
            assert side.time_s == was.time_s
            assert side.time_std_s != was.time_std_s
            assert side.time_std_s is not None
            assert spread is not None
            assert side.time_std_s[1] == pytest.approx([seconds * spread for seconds in side.time_s[1]])

    with_planning(tmp_path, use)


def test_too_few_runs_fall_back_to_the_margin(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A quantile that the runs do not carry: the plan is made all the same, and one line says how many it takes."""

    async def use(planning: ServerPlanning, _: SessionBook) -> None:
        request = replace(REQUEST, preview=True, slo=Slo(latency_s=1.0, quantile=0.9999))
        plain = (await planning.plan_session(request)).problem
        assert (await planning.plan_session(replace(request, tail_method="empirical"))).problem == plain

    with_planning(tmp_path, use)
    (line,) = (message for message in caplog.messages if "tail" in message)
    assert line.startswith("empirical tail, cantelli margin instead: edge: ")
    assert "expected at least 29956" in line


def test_an_unknown_tail_is_refused(tmp_path: Path) -> None:
    """An edge that asks for what this server does not know is told so, with what there is, before any planning."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        with pytest.raises(ContractError, match="tail_method 'weibull'; expected one of gaussian, cantelli, empirical"):
            await planning.plan_session(replace(REQUEST, tail_method="weibull"))
        assert (planning.plans, sessions.last_epoch) == (0, 0)

    with_planning(tmp_path, use)


def test_factors_correct_the_tables(tmp_path: Path) -> None:
    """What an edge's requests showed of its head and of this server's tail is in the problem that is solved."""

    async def use(planning: ServerPlanning, _: SessionBook) -> None:
        plain = (await planning.plan_session(REQUEST)).problem.variants[0]
        factors = StageFactors(head=1.5, tail=0.5)
        corrected = (await planning.plan_session(replace(REQUEST, factors=factors))).problem.variants[0]
        for row, before in zip(corrected.edge.time_s, plain.edge.time_s, strict=True):
            assert row == pytest.approx([1.5 * seconds for seconds in before])
        for row, before in zip(corrected.server.time_s, plain.server.time_s, strict=True):
            assert row == pytest.approx([0.5 * seconds for seconds in before])
        assert planning.plans == 2

    with_planning(tmp_path, use)


RANGE = UplinkRange(lowest_bps=1e5, highest_bps=1e9)
FOLLOWING = replace(
    REQUEST, policy="joint", slo=Slo(rate_hz=10.0), objective=Objective(server_weight=0.0), uplinks=RANGE
)


def test_a_range_of_uplinks_brings_a_plan_for_each_of_them(tmp_path: Path) -> None:
    """Bands rise without gaps from the range's lowest uplink; those of one choice share an epoch, all are in force."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        reply = await planning.plan_session(FOLLOWING)
        assert reply.bands[0].lowest_bps == RANGE.lowest_bps
        lowest_bps = [band.lowest_bps for band in reply.bands]
        assert lowest_bps == sorted(set(lowest_bps))
        given = {band.assignment for band in reply.bands if band.assignment is not None}
        assert len(given) >= 2
        for assignment in given:
            assert any(
                (band.plan.cut, band.plan.codec) == (assignment.cut, assignment.codec)
                for band in reply.bands
                if band.assignment == assignment
            )
        await planning.activate("edge-1", epoch_of(reply))
        assert given <= set(sessions.in_force("edge-1"))

    with_planning(tmp_path, use)


def test_rivals_and_previews_have_no_bands(tmp_path: Path) -> None:
    """A policy that joulecut is compared with runs its one plan; a preview raises no epoch, its bands have none."""

    async def use(planning: ServerPlanning, sessions: SessionBook) -> None:
        assert (await planning.plan_session(replace(FOLLOWING, policy="latency-cut"))).bands == ()
        last = sessions.last_epoch
        preview = await planning.plan_session(replace(FOLLOWING, preview=True))
        assert preview.bands
        assert all(band.assignment is None for band in preview.bands)
        assert sessions.last_epoch == last

    with_planning(tmp_path, use)
