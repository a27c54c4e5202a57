"""Why a session runs what it runs, in words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.plans import INFEASIBLE
from joulecut_core.problems import Objective, Slo
from joulecut_core.timing import ManualClock
from joulecut_planner.explanations.explanation import Slack
from joulecut_proto.planning_messages import SessionRequest
from joulecut_server.dashboard.comparison import Comparison, compare
from joulecut_server.dashboard.deciding import Study, study
from joulecut_server.dashboard.kept_plans import KeptPlans, ShownPlan
from joulecut_server.dashboard.reasons import Topic, reasons
from joulecut_server.dashboard.wording import joules
from tests.server.dashboard.rooms import SLO, Room, in_room
from tests.server.parts import REQUEST


async def _shown(room: Room, request: SessionRequest) -> ShownPlan:
    plans = KeptPlans(room.parts.sessions)
    room.parts.planning.planned = plans.planned
    reply = await room.parts.planning.plan_session(request)
    if reply.assignment is not None:
        await room.parts.planning.activate(request.session_id, reply.assignment.epoch)
    [shown] = plans.shown()
    return shown


async def said(room: Room, request: SessionRequest, compared: Comparison | None = None) -> dict[Topic, str]:
    """The sentences on each topic."""
    shown = await _shown(room, request)
    found = reasons(shown, study(shown.kept.problem), compared)
    return {topic: " ".join(each.text for each in found if each.topic is topic) for topic in Topic}


def test_the_joint_plan_is_explained_as_its_own(tmp_path: Path) -> None:
    """Where it runs, at which clocks, what it costs, what it has to keep, when it would change."""

    async def use(room: Room) -> None:
        told = await said(room, replace(REQUEST, policy="joint", slo=SLO))
        assert re.search(r"runs? on the edge at [\d.]+/[\d.]+ MHz", told[Topic.CHOICE])
        assert "not joulecut's" not in told[Topic.CHOICE]
        assert re.search(r"predicted to cost [\d.]+ mJ \(module input", told[Topic.COST])
        assert "90 % of the answers are due within 500 ms; predicted are" in told[Topic.LEVEL]
        assert "to spare" in told[Topic.LEVEL]
        assert "A request comes every 200 ms" in told[Topic.LEVEL]
        assert "of accuracy" not in told[Topic.LEVEL]
        assert "The edge estimates an uplink of 100 Mbit/s; the joint plan stays the same from" in told[Topic.LINK]
        assert "another clock of the edge" in told[Topic.ALTERNATIVES]
        assert told[Topic.BASELINES] == ""

    in_room(tmp_path, use)


def test_another_policy_is_not_passed_off_as_the_joint_plan(tmp_path: Path) -> None:
    """What the edge asked for is named, and so is what the joint plan would save; weights that differ are told."""

    async def use(room: Room) -> None:
        told = await said(room, replace(REQUEST, slo=SLO, objective=Objective(server_weight=0.5)))
        assert re.search(r"The whole network, \d blocks, runs on the server at", told[Topic.CHOICE])
        assert "what the policy all-server does, which the edge asked for" in told[Topic.CHOICE]
        assert re.search(r"The joint plan would take [\d.]+ m?J less a request \([\d.]+ %\)", told[Topic.CHOICE])
        assert "weighed 1 on the edge and 0.5 on the server" in told[Topic.COST]
        assert "on the server" in told[Topic.COST]
        assert told[Topic.LEVEL].startswith("What follows, up to the comparison with others, is about the joint plan.")

    in_room(tmp_path, use)


def test_joules_that_do_not_count_are_not_said_to_be_contained(tmp_path: Path) -> None:
    """What the sum contains follows its weights; the server's own joules stand behind it either way."""

    async def use(room: Room) -> None:
        told = await said(room, replace(REQUEST, slo=SLO, objective=Objective(server_weight=0.5)))
        battery = await said(room, replace(REQUEST, slo=SLO, objective=Objective(server_weight=0.0)))
        assert "GPU board" in told[Topic.COST]
        assert "GPU board" not in battery[Topic.COST]
        assert "weighed 1 on the edge and 0 on the server" in battery[Topic.COST]

    in_room(tmp_path, use)


def test_the_promise_of_a_policys_own_model_is_told_as_such(tmp_path: Path) -> None:
    """What it costs comes first; what the policy believed is named as its own model's, and so is what that misses."""

    async def use(room: Room) -> None:
        shown = await _shown(room, replace(REQUEST, policy="cpu-dvfs", slo=SLO))
        assert shown.promised is not None
        assert shown.promised.energy_j is not None
        assert shown.plan.energy_j is not None
        told = await said(room, replace(REQUEST, policy="cpu-dvfs", slo=SLO))
        assert f"is predicted to cost {joules(shown.plan.energy_j)} (" in told[Topic.COST]
        assert f"this policy's own model promises is {joules(shown.promised.energy_j)} and" in told[Topic.COST]
        assert "what the policy cpu-dvfs does, which the edge asked for" in told[Topic.CHOICE]
        late = replace(shown, plan=replace(shown.plan, status=INFEASIBLE, binding=("latency",)))
        [broken] = [each.text for each in reasons(late, study(late.kept.problem), None) if "breaks" in each.text]
        assert broken == "It breaks latency, which this policy's own model does not see."

    in_room(tmp_path, use)


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    """A level that nothing keeps is the first thing to read, not a figure among others."""

    async def use(room: Room) -> None:
        told = await said(room, replace(REQUEST, policy="joint", slo=Slo(latency_s=1e-6)))
        assert "nothing keeps every bound, and this breaks latency" in told[Topic.CHOICE]
        assert "Answers are due within 1 µs" in told[Topic.LEVEL]
        assert "that is broken" in told[Topic.LEVEL]

    in_room(tmp_path, use)


def test_a_bound_decides_only_against_something_cheaper(tmp_path: Path) -> None:
    """Within one per cent of its bound and dear without it; a bound that is only met is told as what is left of it."""

    async def use(room: Room) -> None:
        shown = await _shown(room, replace(REQUEST, policy="joint", slo=SLO))
        found = study(shown.kept.problem)
        accuracy = Slack(constraint="accuracy", used=0.02, bound=0.02, left=0.0, binds=True)
        met = Study(explanation=replace(found.explanation, slacks=(accuracy,)), deciding=frozenset())
        met_said, decides_said = (
            " ".join(each.text for each in reasons(shown, each, None) if each.topic is Topic.LEVEL)
            for each in (met, replace(met, deciding=frozenset({"accuracy"})))
        )
        assert "may lose 2 % of accuracy; the choice loses 2 %: nothing to spare." in met_said
        assert "the choice loses 2 %: that decides, something cheaper would break it." in decides_said
        lossless = replace(accuracy, used=0.0, bound=0.0)
        strict = Study(explanation=replace(found.explanation, slacks=(lossless,)), deciding=frozenset({"accuracy"}))
        assert any("may lose 0 % of accuracy" in each.text for each in reasons(shown, strict, None))

    in_room(tmp_path, use)


@pytest.mark.parametrize("policy", ["joint", "all-server"])
def test_baselines_are_compared_with_what_runs(tmp_path: Path, policy: str) -> None:
    """The same figures as in the table: what each would cost, and the share that this plan saves or costs more."""

    async def use(room: Room) -> None:
        request = replace(REQUEST, policy=policy, slo=SLO)
        shown = await _shown(room, request)
        told = await said(room, request, compare(shown.kept, shown.plan, ManualClock()))
        if policy == "joint":
            assert re.search(r"all-server would cost [\d.]+ m?J: this plan saves [\d.]+ % of it", told[Topic.BASELINES])
            assert "more" not in told[Topic.BASELINES]
        else:
            assert "all-server" not in told[Topic.BASELINES]
            assert re.search(r"edge-clock would cost [\d.]+ m?J: this plan costs [\d.]+ % more", told[Topic.BASELINES])

    in_room(tmp_path, use)
