"""One nursery and one packed network for all scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.agent_nursery import AgentNursery
from tests.chaos.site import furnish


@pytest.fixture(name="nursery", scope="session")
def _nursery() -> Iterator[AgentNursery]:
    with AgentNursery() as nursery:
        yield nursery


@pytest.fixture(name="shared", scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chaos")
    furnish(folder)
    return folder
