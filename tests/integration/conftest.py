"""One packed network and one set of profiles for all tests of both agents."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulecut_edge.requests import patience
from tests.integration.site import WAIT_S, Site, make_shared


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge without a deadline waits for its server for as long as a test does, whatever holds this host up."""
    monkeypatch.setattr(patience, "_LEAST_PATIENCE_S", WAIT_S)


@pytest.fixture(name="shared", scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("shared")
    return folder, make_shared(folder)


@pytest.fixture(name="site")
def _site(shared: tuple[Path, str], tmp_path: Path) -> Site:
    folder, digest = shared
    return Site(shared=folder, own=tmp_path, digest=digest)
