"""A packed network for tests of fetching it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.tiny_network import pack_tiny


@pytest.fixture(name="packed", scope="package")
def _packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Its folder, which nobody changes, and its digest."""
    folder = tmp_path_factory.mktemp("packed") / "tiny"
    return folder, pack_tiny(folder)
