"""One packed network for all scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.site import furnish


@pytest.fixture(name="shared", scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chaos")
    furnish(folder)
    return folder
