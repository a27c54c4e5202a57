"""The trained network, packed once for all tests that run it."""

from __future__ import annotations

import pytest

from tests.e2e.pair import Packed, pack_network


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """EfficientNet-Lite0 in a bundle, with its unsplit answers."""
    return pack_network(tmp_path_factory.mktemp("network"))
