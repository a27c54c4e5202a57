"""One short study that several tests look at."""

from __future__ import annotations

import pytest

from joulecut.study.rows import Study
from tests.api.study.tiny_networks import order, study


@pytest.fixture(name="emulated_study", scope="session")
def _emulated_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(order(parts=True), tmp_path_factory.mktemp("study"))
