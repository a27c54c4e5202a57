"""Kill -9 in the middle of leases: the clocks are always put back, and no board is ever lent twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.clockd.kill_trial import Victim, kill_trial
from tests.runtime.clockd.nursery import Nursery
from tests.thoroughness import THOROUGH

_EACH = 5 if THOROUGH else 2


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.mark.parametrize("seed", range(_EACH))
@pytest.mark.parametrize("victim", Victim, ids=lambda victim: victim.name.lower())
def test_kill_at_a_random_moment_restores(nursery: Nursery, tmp_path: Path, victim: Victim, seed: int) -> None:
    """Whoever is killed, whenever: the board is back at the snapshot, and its log shows one lease after the other."""
    outcome = kill_trial(nursery, tmp_path, victim, seed)
    assert outcome.double_leases == ()
