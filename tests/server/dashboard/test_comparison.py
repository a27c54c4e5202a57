"""A plan beside the baselines."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_core.timing import ManualClock
from joulecut_planner.baselines import BASELINES
from joulecut_server.dashboard import comparison
from joulecut_server.dashboard.comparison import compare
from joulecut_server.dashboard.kept_plans import KeptPlans
from tests.server.dashboard.rooms import Room, in_room


class Impatient(ManualClock):
    """Each look at it is a few seconds later than the one before."""

    def now_s(self) -> float:
        self.advance_s(2.0)
        return super().now_s()


def test_every_baseline_is_priced_on_the_sessions_own_problem(tmp_path: Path) -> None:
    """Nobody beats the joint plan and keeps the level; savings are shares of the baseline's joules.

    The session's own policy is no rival of its plan.
    """

    async def use(room: Room) -> None:
        plans = KeptPlans(room.parts.sessions)
        room.parts.planning.planned = plans.planned
        await room.joined()
        [shown] = plans.shown()
        compared = compare(shown.kept, shown.plan, ManualClock())
        assert {each.name for each in compared.rivals} == {*BASELINES, "governor"} - {"joint"}
        assert not compared.left_out
        for rival in compared.rivals:
            assert rival.energy_j is not None
            assert rival.saved_share is not None
            assert rival.energy_j * (1.0 - rival.saved_share) == pytest.approx(shown.plan.energy_j)
            # The governor's draw was measured, not chosen among the problem's points.
            if rival.kept and rival.name not in ("governor", "cpu-dvfs"):
                assert rival.saved_share >= -1e-9

    in_room(tmp_path, use)


def test_a_policy_with_a_model_of_its_own_is_compared_by_what_it_costs(tmp_path: Path) -> None:
    """The baselines of such a session cost what they cost every other session, and the joint plan is no dearer."""

    async def use(room: Room) -> None:
        plans = KeptPlans(room.parts.sessions)
        room.parts.planning.planned = plans.planned
        await room.joined("edge-1", policy="joint")
        await room.joined("edge-2", policy="cpu-dvfs")
        own, joint = plans.shown()
        assert own.promised is not None
        beside_own = {each.name: each for each in compare(own.kept, own.plan, ManualClock()).rivals}
        beside_joint = {each.name: each for each in compare(joint.kept, joint.plan, ManualClock()).rivals}
        assert {*beside_own} - {*beside_joint} == {"joint"}
        for name in beside_own.keys() & beside_joint.keys():
            assert beside_own[name].energy_j == beside_joint[name].energy_j
        assert beside_own["joint"].energy_j == pytest.approx(joint.plan.energy_j)
        assert beside_own["joint"].saved_share is not None
        assert beside_own["joint"].saved_share <= 1e-9

    in_room(tmp_path, use)


def test_work_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that is up, and problems that are too large, leave baselines out and say so."""

    async def use(room: Room) -> None:
        plans = KeptPlans(room.parts.sessions)
        room.parts.planning.planned = plans.planned
        await room.joined()
        [shown] = plans.shown()
        compared = compare(shown.kept, shown.plan, Impatient())
        assert 0 < len(compared.rivals) < len(BASELINES)
        assert "no time left" in compared.left_out
        monkeypatch.setattr(comparison, "_MOST_CHOICES", 1)
        compared = compare(shown.kept, shown.plan, ManualClock())
        assert not compared.rivals
        assert "more than 1 choices" in compared.left_out

    in_room(tmp_path, use)
