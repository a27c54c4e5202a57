"""A minute at half load: nothing grows. A while with a server that leaks: it is noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.chaos.agent_nursery import LEAKING, AgentNursery
from tests.chaos.history_checks import violations
from tests.chaos.site import chaos_site, expected_answers
from tests.chaos.soaking import Soak, soak
from tests.chaos.storm import Load
from tests.integration.tiny_network import tiny_network

WARM_S, LASTING_S = 15.0, 45.0
LEAK_WARM_S, LEAK_LASTING_S = 2.0, 8.0
MOST_MB = 20.0
PATIENCE_S = 480.0


def test_a_minute_of_half_load_grows_nothing(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """Memory, file descriptors and threads of both agents stay; those of a leaking server do not, and it is seen."""

    async def run(name: str, program: str, warm_s: float, lasting_s: float) -> Soak:
        folder = tmp_path / name
        folder.mkdir()
        async with chaos_site(folder, shared, nursery) as site:
            soaked = await soak(site, program, Load(), warm_s=warm_s, lasting_s=lasting_s)
            site.read_plans()
        assert not violations(site.history, expected_answers(), last_cut=tiny_network().table.last)
        return soaked

    async def both() -> tuple[Soak, Soak]:
        return await asyncio.gather(
            run("sound", "server-agent", WARM_S, LASTING_S), run("leaking", LEAKING, LEAK_WARM_S, LEAK_LASTING_S)
        )

    sound, leaking = asyncio.run(asyncio.wait_for(both(), PATIENCE_S))
    for growth in sound.growths:
        assert growth.memory_mb <= MOST_MB, growth
        assert growth.files <= 0, growth
        assert growth.threads <= 0, growth
    server = leaking.growths[0]
    assert server.memory_mb > MOST_MB
    assert server.files > 0
    assert server.threads > 0
