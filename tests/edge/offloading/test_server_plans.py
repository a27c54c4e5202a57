"""Which plans of a server an edge carries out, and what it takes from nobody but itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from joulecut_core.errors import ContractError
from joulecut_core.plans import Assignment
from joulecut_core.problems import Slo
from joulecut_edge.config import EdgeConfig
from joulecut_edge.offloading.edge_planning import EdgePlanning
from joulecut_edge.offloading.experience import PlanBasis
from joulecut_edge.offloading.server_plans import server_plan
from joulecut_edge.plans.wishes import Wishes
from joulecut_proto.planning_messages import SessionReply, SessionRequest, StageFactors
from tests.edge.offloading.test_edge_planning import PLAN, FakeServer
from tests.edge.offloading.test_replanning import PROBLEM
from tests.edge.session_parts import LINK, Bench, tiny_identity


class WrongServer(FakeServer):
    """One whose problem has another rate and quantile and other watts, and a plan at a clock that it does not have."""

    async def plan_session(self, request: SessionRequest, *, timeout_s: float) -> SessionReply:
        reply = await super().plan_session(request, timeout_s=timeout_s)
        points = tuple(replace(point, wait_w=1e308) for point in PROBLEM.edge.points)
        edge = replace(PROBLEM.edge, points=points)
        problem = replace(PROBLEM, slo=Slo(rate_hz=1e-308, quantile=0.51), edge=edge)
        return replace(reply, problem=problem, plan=replace(PLAN.plan, edge_point=1000))


def test_what_an_edge_knows_by_itself_is_not_taken_from_a_server() -> None:
    """A server's problem with another rate, other watts or fewer clocks changes no ledger, and breaks no plan."""

    async def body(bench: Bench) -> None:
        wishes = Wishes.from_config(EdgeConfig(device="emulated:t4", bundle="b"))
        planning = EdgePlanning(tiny_identity(), bench.session, bench.clock, wishes)
        planning.expect_link(LINK)
        await planning.join(FakeServer().connection)
        right = bench.session.active
        await planning.plan(WrongServer().connection)
        active = bench.session.active
        assert (active.wait_w, active.period_s, active.local_tail) == (right.wait_w, None, right.local_tail)
        assert 0.0 < active.wait_w < 10.0

    with Bench() as bench:
        asyncio.run(body(bench))


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (replace(PLAN.assignment, codec="zstd"), r"codec 'zstd' at cut 2; this edge offered raw"),
        (replace(PLAN.assignment, cut=77), "cut 77"),
        (replace(PLAN.assignment, network_digest="sha256:00"), "sha256:00"),
    ],
)
def test_a_plan_that_no_request_could_be_answered_under_is_refused(wrong: Assignment, complaint: str) -> None:
    """A cut, a codec and a network have to be among those that this edge offered."""
    basis = PlanBasis(PROBLEM, LINK, StageFactors(), PROBLEM.slo, "gpu:50051")
    with pytest.raises(ContractError, match=complaint):
        server_plan(tiny_identity(), wrong, PLAN.plan, basis)
