"""An edge-agent whose profile flatters its board finds out by its own requests."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from joulecut_core.profiles import load_profile, save_profile
from joulecut_edge import agent as edge_agent
from joulecut_edge.config import EdgeConfig
from joulecut_proto.local_messages import LocalStatus
from tests.integration.site import WAIT_S, Site, application, free_port
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
