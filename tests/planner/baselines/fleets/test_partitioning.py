"""The convex-concave procedure: whole partitions, in time, and never better than trying all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from joulecut_planner.baselines.fleets.device_tables import Seen
from joulecut_planner.baselines.fleets.partitioning import best, partitioned, stationary


def drawn(seed: int, partitions: int) -> tuple[Seen, float, float]:
    """Partitions that trade watts for time, a deadline about half of them keep, and Cantelli's factor for 95 %."""
    rng = np.random.default_rng(seed)
    mean_s = rng.uniform(0.02, 0.1, partitions)
    seen = Seen(
        power_w=0.1 / mean_s + rng.uniform(0.0, 2.0, partitions),
        mean_s=mean_s,
        variance_s2=(0.05 * mean_s) ** 2 * rng.uniform(0.2, 2.0, partitions),
    )
    z = math.sqrt(0.95 / 0.05)
    return seen, float(np.median(seen.bound_s(z))), z


def test_it_ends_in_time_often_in_the_best_never_beyond_it() -> None:
    """What a stationary point promises, and what it does not: the best of all partitions."""
    excess = []
    for seed in range(16):
        seen, deadline_s, z = drawn(seed, 15)
        parted, least = partitioned(seen, deadline_s, z), best(seen, deadline_s, z)
        bound_s = seen.bound_s(z)
        assert stationary(seen, deadline_s, z) == parted.partition
        assert bound_s[parted.partition] <= deadline_s * (1.0 + 1e-6)
        assert seen.power_w[least] == seen.power_w[bound_s <= deadline_s].min()
        excess.append(float(seen.power_w[parted.partition] / seen.power_w[least]) - 1.0)
    assert min(excess) == 0.0
    assert sum(each == 0.0 for each in excess) >= 6
    assert sorted(excess)[8] < 0.1


def test_without_a_deadline_the_cheapest_is_found() -> None:
    """Nothing but the watts decides."""
    seen, _, z = drawn(3, 12)
    parted = partitioned(seen, math.inf, z)
    assert parted.partition == seen.power_w.argmin()
    assert parted.is_whole


def test_what_takes_for_ever_is_left_out() -> None:
    """A share of nothing makes partitions infinite that send something; home remains."""
    seen = Seen(power_w=np.array([math.inf, 3.0]), mean_s=np.array([math.inf, 0.05]), variance_s2=np.array([0.0, 1e-6]))
    assert partitioned(seen, 0.06, 2.0).partition == 1


def test_where_nothing_is_in_time_the_least_late_is_taken() -> None:
    """Lateness costs more than any watts."""
    seen = Seen(
        power_w=np.array([1.0, 50.0, 2.0]), mean_s=np.array([0.5, 0.2, 0.4]), variance_s2=np.array([0.0, 0.0, 0.0])
    )
    assert partitioned(seen, 0.1, 2.0).partition == best(seen, 0.1, 2.0) == 1


@pytest.mark.parametrize("z", [0.0, 3.0])
def test_one_partition_is_taken(z: float) -> None:
    """No choice, no search."""
    seen = Seen(power_w=np.array([1.0]), mean_s=np.array([0.5]), variance_s2=np.array([1e-4]))
    assert partitioned(seen, 1.0, z).partition == 0
