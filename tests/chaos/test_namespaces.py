"""A server behind a real link of the kernel: bandwidth that collapses, and a link that goes down without a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.namespaces import FarHost, far_host, obstacle
from tests.chaos.scenario import SURELY_LATE_S, Pair, Setting, with_pair
from tests.warm.programs import WarmPrograms

COLLAPSED_BPS = 1e5
"""On which a cut tensor of 6 kB takes as long as the deadline."""


@pytest.fixture(name="far")
def _far() -> Iterator[FarHost]:
    if (reason := obstacle()) is not None:
        pytest.skip(reason)
    with far_host() as host:
        yield host


@pytest.fixture(name="elsewhere")
def _elsewhere(far: FarHost, warm: WarmPrograms) -> Iterator[AgentNursery]:
    with AgentNursery(forker=warm.nursery) as nursery:
        nursery.enter(far.network)
        yield nursery


def test_a_link_that_collapses_and_goes_down(
    shared: Path, nursery: AgentNursery, far: FarHost, elsewhere: AgentNursery, tmp_path: Path
) -> None:
    """Every request is answered in time by the edge, and the server is used again once the link is back."""

    async def scene(pair: Pair) -> None:
        await pair.stream(5)
        far.limit(COLLAPSED_BPS)
        await pair.stream(20)
        far.limit(None)
        await pair.splits_again()
        far.unplug()
        await pair.stream(20)
        far.plug()
        await pair.splits_again()
        assert not pair.site.history.late(SURELY_LATE_S)

    setting = Setting(
        seed=71, host=far.address, servers=elsewhere, server_extra="insecure = true", edge_keys="insecure = true"
    )
    with_pair(shared, nursery, tmp_path, scene, setting)
