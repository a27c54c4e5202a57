"""Planning over gRPC: the library's answers."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joulecut.connections.remote_planning import pareto_remotely, plan_fleet_remotely, plan_remotely
from joulecut_core.errors import LinkError, ProblemError
from joulecut_core.plans import Plan
from joulecut_core.problems import Problem
from joulecut_planner import load_problem, solve
from joulecut_planner.fleet import solve_fleet
from joulecut_planner.fronts.pareto import pareto
from joulecut_proto.channels import open_channel
from joulecut_proto.clients import PlannerClient
from joulecut_server import agent as server_agent
from joulecut_server.planning.limits import PlanningLimits
from tests.integration.planning_site import (
    SMALL,
    drawn_fleet,
    planner,
    run,
    timeless,
    timeless_fleet,
)
from tests.integration.site import WAIT_S, Site
from tests.planner.drawn_problems import drawn_problem
from tests.planner.problem_strategies import problems

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference-planning-service.md"


def printed(script: str) -> str:
    """What a program of this text prints, run beside the documents."""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


@given(drawn=st.lists(problems(), min_size=4, max_size=4))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_plans_and_fronts_are_the_librarys(drawn: list[Problem]) -> None:
    """Whatever the problem, degenerate and infeasible ones included: every number of every plan to the bit."""

    async def test() -> None:
        async with planner() as (client, _, _):
            for problem in drawn:
                assert timeless(await client.plan(problem, timeout_s=WAIT_S)) == timeless(solve(problem))
                front = await client.pareto(problem, timeout_s=WAIT_S)
                assert [*map(timeless, front)] == [*map(timeless, pareto(problem))]

    run(test())


@pytest.mark.parametrize("seed", range(3))
def test_realistic_problems_and_fleets_are_the_librarys(seed: int) -> None:
    """Tens of thousands of choices with quantile and rate, and three edges that share a link and a server."""
    problem, fleet = drawn_problem(seed, cuts=30, edge_points=12, server_points=20), drawn_fleet(seed)

    async def test() -> None:
        async with planner() as (client, _, _):
            assert timeless(await client.plan(problem, timeout_s=WAIT_S)) == timeless(solve(problem))
            front = await client.pareto(problem, timeout_s=WAIT_S)
            assert len(front) > 1
            assert [*map(timeless, front)] == [*map(timeless, pareto(problem))]
            answer = await client.plan_fleet(fleet, timeout_s=WAIT_S)
            assert timeless_fleet(answer) == timeless_fleet(solve_fleet(fleet))

    run(test())


def test_cells_of_a_notebook_are_answered(site: Site) -> None:
    """They run in an event loop, in which no second one can be begun; the plain call waits there too."""

    async def test() -> None:
        async with server_agent.serving(site.server()) as address:

            async def cell() -> Plan:
                return plan_remotely(SMALL, address, timeout_s=WAIT_S)

            assert timeless(await asyncio.to_thread(lambda: asyncio.run(cell()))) == timeless(solve(SMALL))

    run(test())


def test_a_server_agent_plans_for_anybody(site: Site) -> None:
    """The agent's own service, asked by the command's functions and the page's example; configured bounds hold."""
    fleet = drawn_fleet(1)

    async def test() -> None:
        async with server_agent.serving(site.server()) as address:
            plan = await asyncio.to_thread(plan_remotely, SMALL, address)
            assert timeless(plan) == timeless(solve(SMALL))
            front = await asyncio.to_thread(pareto_remotely, SMALL, address)
            assert [*map(timeless, front)] == [*map(timeless, pareto(SMALL))]
            answer = await asyncio.to_thread(plan_fleet_remotely, fleet, address)
            assert timeless_fleet(answer) == timeless_fleet(solve_fleet(fleet))
            block = re.findall(
                r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
            )[0]
            assert block.count("gpu-box.local:50551") == 2
            script = block.replace("gpu-box.local:50551", address)
            done = await asyncio.to_thread(printed, script)
            assert done.startswith("optimal ")
            assert len(done.splitlines()) == 1 + len(pareto(load_problem(ROOT / "docs" / "examples" / "camera.json")))
        bounded = replace(site.server(), planning=PlanningLimits(choices=7))
        async with server_agent.serving(bounded) as address, open_channel(address, security=None) as channel:
            with pytest.raises(ProblemError, match=r"^choices: "):
                await PlannerClient(channel, peer="gpu").plan(SMALL, timeout_s=WAIT_S)
        with pytest.raises(LinkError, match=f"server-agent {address} cannot be reached"):
            await asyncio.to_thread(plan_remotely, SMALL, address)

    run(test())
