"""An edge-agent whose profile flatters its board finds out by its own requests."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.profiles import load_profile, save_profile
from joulecut_edge import agent as edge_agent
from joulecut_edge.config import EdgeConfig, PlanningOptions
from joulecut_proto.local_messages import LocalStatus
from joulecut_server import agent as server_agent
from tests.free_ports import free_port
from tests.integration.site import WAIT_S, Site, application
from tests.integration.tiny_network import pictures

PICTURE = pictures(1)[0]


async def served(config: EdgeConfig, requests: int) -> LocalStatus:
    """The status of an edge-agent alone after some requests."""
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(edge_agent.serving(config))
        app = await stack.enter_async_context(application(address))
        for _ in range(requests):
            await app.infer(PICTURE)
        return await app.status()


def flattered(path: Path) -> None:
    """Halve every time in a profile."""
    profile = load_profile(path)
    points = tuple(
        replace(
            point,
            block_s=tuple(seconds / 2 for seconds in point.block_s),
            whole_s=point.whole_s / 2,
            samples_s=tuple(seconds / 2 for seconds in point.samples_s),
        )
        for point in profile.points
    )
    parts = tuple(replace(part, time_s=part.time_s / 2) for part in profile.parts)
    save_profile(replace(profile, points=points, parts=parts), path)


def test_a_profile_twice_too_fast_shows_in_the_status(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """One alarm of the model's, told in the log with its factor and counted where applications ask."""
    config = replace(site.edge(f"127.0.0.1:{free_port()}"), profiles=str(site.own / "profiles"))
    asyncio.run(asyncio.wait_for(served(config, 1), WAIT_S))
    (path,) = (site.own / "profiles").glob("*.json")
    flattered(path)
    counters = asyncio.run(asyncio.wait_for(served(config, 40), WAIT_S)).counters
    assert counters.requests == 40
    assert (counters.model_drifts, counters.throttle_drifts, counters.link_drifts) == (1, 0, 0)
    assert "drift: head takes 2." in caplog.text


async def refitted(site: Site, config: EdgeConfig) -> tuple[LocalStatus, LocalStatus]:
    """The status of an edge that a server plans for, before its requests and once it has planned again by itself."""
    async with AsyncExitStack() as stack:
        server_address = await stack.enter_async_context(server_agent.serving(site.server()))
        address = await stack.enter_async_context(edge_agent.serving(replace(config, server=server_address)))
        app = await stack.enter_async_context(application(address))
        before = await app.offloading()
        first = before.assignment
        assert first is not None
        status = before
        while status.assignment == first:
            await app.infer(PICTURE)
            status = await app.status()
        for _ in range(30):
            await app.infer(PICTURE)
        return before, await app.status()


def test_a_plan_is_made_again_with_corrected_tables(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Asked to refit, an edge whose profile flatters its board gets an epoch whose seconds hold, and says so once."""
    profiles, alone = str(site.own / "profiles"), f"127.0.0.1:{free_port()}"
    config = replace(site.edge(alone), profiles=profiles, policy="all-edge", planning=PlanningOptions(refit=True))
    asyncio.run(asyncio.wait_for(served(config, 1), WAIT_S))
    (path,) = (site.own / "profiles").glob("*.json")
    flattered(path)
    with caplog.at_level(logging.INFO):
        before, after = asyncio.run(asyncio.wait_for(refitted(site, config), 2 * WAIT_S))
    assert before.assignment is not None
    assert after.assignment is not None
    assert after.assignment.epoch == before.assignment.epoch + 1
    assert (after.counters.model_drifts, after.counters.throttle_drifts) == (1, 0)
    assert before.plan is not None
    assert after.plan is not None
    assert before.plan.breakdown is not None
    assert after.plan.breakdown is not None
    assert after.plan.breakdown.t_edge == pytest.approx(2.0 * before.plan.breakdown.t_edge, rel=0.1)
    (line,) = (message for message in caplog.messages if message.startswith("drift: planned again"))
    assert line.endswith(f"epoch {after.assignment.epoch}")
