"""Fake GPUs for this folder's tests, and the reason where they cannot be built."""

from __future__ import annotations

import pytest

from tests.fakes.nvml import COMPILER, NO_COMPILER


@pytest.fixture(autouse=True)
def _compiler() -> None:
    if COMPILER is None:
        pytest.skip(NO_COMPILER)
