"""How many servers a pool should have: it follows load, and never flaps."""

from __future__ import annotations

import random

import pytest

from joulecut_core.timing import ManualClock
from joulecut_server.pool.options import PoolOptions
from joulecut_server.pool.scaling import Sample, Scaling

OPTIONS = PoolOptions(
    folder="/pool",
    min_servers=1,
    max_servers=8,
    target_waiting=4.0,
    target_utilisation=0.5,
    grow_after_s=5.0,
    shrink_after_s=60.0,
    cool_down_s=30.0,
)
IDLE = Sample(waiting=0, utilisation=0.0)


class Pool:
    """Servers that are there as soon as they are wanted, and share what there is to do."""

    def __init__(self, servers: int = 1, options: PoolOptions = OPTIONS) -> None:
        self.clock = ManualClock()
        self.scaling = Scaling(options)
        self.servers = servers
        self.changes: list[tuple[float, int]] = []

    def run(self, seconds: int, *, load: float, noise: float = 0.0, rng: random.Random | None = None) -> None:
        """Let time pass under a load, in servers' worth of computing, a look each second."""
        for _ in range(seconds):
            self.clock.advance_s(1.0)
            now = max(0.0, load + (rng.gauss(0.0, noise) if rng else 0.0))
            each = Sample(waiting=0, utilisation=min(1.0, now / self.servers))
            self.look([each] * self.servers)

    def look(self, samples: list[Sample]) -> None:
        """One look, and what follows from it."""
        wanted = self.scaling.wanted(samples, present=self.servers, now_s=self.clock.now_s())
        if wanted != self.servers:
            self.changes.append((self.clock.now_s(), wanted))
        self.servers = wanted


def test_a_flood_is_met_with_as_many_servers_as_it_takes() -> None:
    """Three servers' worth of computing at half utilisation takes six; doubling at most at each step."""
    pool = Pool()
    pool.run(300, load=3.0)
    assert pool.servers == 6
    assert [wanted for _, wanted in pool.changes] == [2, 4, 6]


def test_a_lull_gives_them_back_one_by_one() -> None:
    """Down to the least there may be, each step after the load was low for long enough."""
    pool = Pool(servers=4)
    pool.run(600, load=0.0)
    assert [wanted for _, wanted in pool.changes] == [3, 2, 1]
    times = [at_s for at_s, _ in pool.changes]
    assert all(later - earlier >= 60.0 for earlier, later in zip([0.0, *times], times, strict=False))


@pytest.mark.parametrize("load", [0.3, 0.7, 1.1, 1.9, 2.6, 3.3])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_steady_load_ends_in_a_steady_pool(load: float, seed: int) -> None:
    """Whatever the load, with noise on top: a pool that has found its size keeps it. That is what flapping is not."""
    pool, rng = Pool(servers=4), random.Random(seed)  # noqa: S311 - noise
    pool.run(900, load=load, noise=0.05, rng=rng)
    settled = len(pool.changes)
    pool.run(3600, load=load, noise=0.05, rng=rng)
    assert len(pool.changes) - settled <= 1


def test_a_load_that_swings_faster_than_the_pool_moves_it_once_at_most() -> None:
    """Twenty seconds on, twenty off, for an hour: a server more, and never one less again."""
    pool = Pool(servers=2)
    for _ in range(90):
        pool.run(20, load=1.3)
        pool.run(20, load=0.4)
    assert len(pool.changes) <= 1


def test_a_short_burst_moves_nothing() -> None:
    """A queue of four seconds is gone before a server could have started."""
    pool = Pool(servers=2)
    pool.run(4, load=2.0)
    pool.run(30, load=0.6)
    assert pool.changes == []


def test_one_sick_server_does_not_make_a_pool_grow() -> None:
    """Thousands wait for it while the others idle: more servers would not help it."""
    pool = Pool(servers=4)
    for _ in range(600):
        pool.clock.advance_s(1.0)
        pool.look([Sample(waiting=5000, utilisation=1.0), *[IDLE] * (pool.servers - 1)])
    assert pool.servers <= 4
    assert all(wanted < 4 for _, wanted in pool.changes)


def test_a_queue_counts_where_utilisation_does_not_show_it() -> None:
    """A device that waits for its host is not busy, and there is too much to do all the same."""
    pool = Pool()
    for _ in range(6):
        pool.clock.advance_s(1.0)
        pool.look([Sample(waiting=6, utilisation=0.2)] * pool.servers)
    assert pool.servers == 2


def test_who_is_not_there_yet_counts_as_help() -> None:
    """While a server starts, what made it necessary asks for no other one."""
    scaling = Scaling(OPTIONS)
    busy = Sample(waiting=0, utilisation=0.9)
    for now_s in range(100):
        assert scaling.wanted([busy], present=2, now_s=float(now_s)) == 2


def test_nobody_leaves_while_somebody_is_missing() -> None:
    """A server that is being replaced takes its share again soon."""
    scaling = Scaling(OPTIONS)
    for now_s in range(500):
        assert scaling.wanted([IDLE, IDLE], present=3, now_s=float(now_s)) == 3


def test_the_bounds_hold_at_once() -> None:
    """A pool begins with its least number, and one whose configuration was lowered gives up the rest."""
    scaling = Scaling(OPTIONS)
    assert scaling.wanted([], present=0, now_s=0.0) == 1
    assert scaling.wanted([IDLE] * 9, present=9, now_s=1.0) == 8


def test_silence_is_no_sign_of_little_to_do() -> None:
    """Where nobody answers, the pool stays as it is."""
    scaling = Scaling(OPTIONS)
    for now_s in range(500):
        assert scaling.wanted([], present=5, now_s=float(now_s)) == 5
