"""Which plan of a session is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from joulecut_planner import Policy, PolicyPlan
from joulecut_planner.policies import PricedChoice
from joulecut_proto.planning_messages import Band
from joulecut_server.dashboard.kept_plans import KeptPlans
from tests.server.dashboard.rooms import Room, in_room
from tests.server.parts import REQUEST


def test_a_plan_is_shown_as_proposed_and_then_in_force(tmp_path: Path) -> None:
    """While an edge hands over, the page shows what runs, not what may come."""

    async def use(room: Room) -> None:
        plans = KeptPlans(room.parts.sessions)
        room.parts.planning.planned = plans.planned
        first = await room.parts.planning.plan_session(REQUEST)
        assert first.assignment is not None
        [shown] = plans.shown()
        assert (shown.epoch, shown.in_force) == (first.assignment.epoch, False)
        await room.parts.planning.activate("edge-1", first.assignment.epoch)
        await room.parts.planning.plan_session(replace(REQUEST, policy="all-edge"))
        [shown] = plans.shown()
        assert (shown.epoch, shown.in_force) == (first.assignment.epoch, True)
        assert shown.plan == first.plan

    in_room(tmp_path, use)


def test_previews_and_ended_sessions_are_nobodys(tmp_path: Path) -> None:
    """The table lists sessions, not questions, and none that has left."""

    async def use(room: Room) -> None:
        plans = KeptPlans(room.parts.sessions)
        room.parts.planning.planned = plans.planned
        await room.parts.planning.plan_session(replace(REQUEST, preview=True))
        assert not list(plans.shown())
        await room.joined()
        assert len(list(plans.shown())) == 1
        await room.parts.planning.release("edge-1")
        assert not list(plans.shown())

    in_room(tmp_path, use)


def test_the_latest_sessions_are_kept(tmp_path: Path) -> None:
    """However many edges plan, the memory for them is bounded; the latest to plan comes first."""

    async def use(room: Room) -> None:
        plans = KeptPlans(room.parts.sessions, most=2)
        room.parts.planning.planned = plans.planned
        for session_id in ("a", "b", "a", "c"):
            await room.joined(session_id)
        assert [shown.kept.session_id for shown in plans.shown()] == ["c", "a"]

    in_room(tmp_path, use)


def test_an_edge_that_follows_its_link_is_shown_with_what_it_runs(tmp_path: Path) -> None:
    """Plans for other uplinks are in force too; the latest request says which one is used."""

    async def use(room: Room) -> None:
        plans = KeptPlans(room.parts.sessions)
        served, local = [
            await room.parts.planning.plan_session(replace(REQUEST, policy=policy, preview=True))
            for policy in ("all-server", "all-edge")
        ]
        made = PolicyPlan(policy=Policy.JOINT, plan=served.plan, problem=served.problem)
        digest = REQUEST.network_digest
        first, other = room.parts.sessions.propose("edge-1", made, [local.plan], network_digest=digest)
        assert first is not None
        assert other is not None
        band = Band(lowest_bps=1e4, assignment=other, plan=local.plan)
        priced = PricedChoice(problem=served.problem, plan=served.plan)
        plans.planned(REQUEST, replace(served, assignment=first, bands=(band,)), priced)
        room.parts.sessions.activate("edge-1", first.epoch)
        plans.requested("edge-1", other.epoch)
        [shown] = plans.shown()
        assert shown.follows_link
        assert (shown.epoch, shown.plan.cut) == (other.epoch, other.cut)
        plans.requested("edge-1", first.epoch)
        [shown] = plans.shown()
        assert not shown.follows_link

    in_room(tmp_path, use)


def test_a_policy_with_a_model_of_its_own_is_shown_at_what_it_costs(tmp_path: Path) -> None:
    """Its choice at the joules of everybody's problem, in which waiting draws power; its own promise beside that."""

    async def use(room: Room) -> None:
        plans = KeptPlans(room.parts.sessions)
        room.parts.planning.planned = plans.planned
        believed = await room.parts.planning.plan_session(replace(REQUEST, policy="cpu-dvfs"))
        [shown] = plans.shown()
        assert shown.promised == believed.plan
        assert (shown.plan.cut, shown.plan.edge_clock, shown.plan.server_clock) == (
            believed.plan.cut,
            believed.plan.edge_clock,
            believed.plan.server_clock,
        )
        assert all(point.wait_w == 0.0 for point in believed.problem.edge.points)
        assert all(point.wait_w > 0.0 for point in shown.kept.problem.edge.points)
        assert shown.plan.energy_j != believed.plan.energy_j
        await room.parts.planning.plan_session(replace(REQUEST, session_id="edge-2", policy="joint"))
        joint = next(each for each in plans.shown() if each.kept.session_id == "edge-2")
        assert joint.promised is None
        assert joint.kept.problem == shown.kept.problem

    in_room(tmp_path, use)
