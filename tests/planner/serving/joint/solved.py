"""Where tests find decisions that another test, or another process, has solved: each table takes seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from joulecut_core.service_tables import ServiceTable
from joulecut_planner.serving.joint import loads
from tests.kept import FOLDER
from tests.planner.serving.tables import gpu_like
from tests.thoroughness import THOROUGH

DECISIONS = Path(os.environ[FOLDER]) / "decisions"


def common_table(switch_s: float = 0.0) -> ServiceTable:
    """The table that most tests decide by; of few `switch_s`, that they may share what is solved."""
    return gpu_like(units=2, points=5, batches=(1, 2, 4, 8), switch_s=switch_s)


@contextmanager
def few_loads() -> Iterator[None]:
    """Decisions for four loads, for tests that need no nearer ones; not to be kept for others. All, to be thorough."""
    with pytest.MonkeyPatch.context() as patch:
        if not THOROUGH:
            patch.setattr(loads, "_loads", lambda: [0.05, 0.3, 0.6, 1.0])
        yield
