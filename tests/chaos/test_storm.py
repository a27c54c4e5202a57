"""Every fault there is, one after the other, on three edges under load: the short version of `benchmarks/chaos.py`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.faults import Fault
from tests.chaos.history_checks import violations
from tests.chaos.scenario import SETTLE_S, last_cut, play_alone
from tests.chaos.site import ChaosSite, expected_answers
from tests.chaos.storm import Load, Storm, drive, fleet

SEED = 5
PAUSE_S = (0.1, 0.4)
LASTS_S = (0.1, 0.5)


def test_a_storm_loses_nothing(shared: Path, nursery: AgentNursery, tmp_path: Path) -> None:
    """Each kind of fault once: nothing lost, answered twice, wrong, stale or told untruly; then all offload again."""

    async def scene(site: ChaosSite) -> None:
        load = Load(edges=3, period_s=0.06)
        async with fleet(site, load, seed=SEED) as made:
            storm = Storm(made, PAUSE_S, LASTS_S, rounds=1)
            raging = asyncio.create_task(storm.rage())
            while not raging.done():
                await drive(made, load, 30)
            await raging
            for node in made.nodes:
                await node.app.offloading(SETTLE_S)
            await drive(made, load, 15)
            site.read_plans()
        found = violations(
            site.history, expected_answers(), last_cut=last_cut(), excused=lambda one: one.number in made.excused
        )
        assert not found, "\n".join(map(str, found[:20]))
        assert set(storm.counts) == set(Fault)

    play_alone(shared, nursery, tmp_path, scene)
