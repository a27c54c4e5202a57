"""What a pool asks of a Ray cluster before it speaks to it."""

from __future__ import annotations

import pytest

from joulecut_core.errors import ConfigError
from joulecut_server.pool.cluster import cluster
from joulecut_server.pool.options import PoolOptions


def test_a_cluster_without_tokens_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reaches its ports could run code there; the operator has to say that he wants that."""
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    options = PoolOptions(folder="/pool", address="10.0.0.1:6379")
    with pytest.raises(ConfigError, match="give Ray a token"), cluster(options):
        pass
