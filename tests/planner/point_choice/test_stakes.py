"""What a decision may cost, against draws and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_core.clocks import OperatingPoint
from joulecut_planner.point_choice import Outlook, stakes

POINTS = tuple(OperatingPoint(core_mhz=100.0 * (k + 1)) for k in range(3))
_DRAWS = 200_000


def expected(latency_s: list[float], latency_deviation: list[float], power_deviation: list[float]) -> Outlook:
    """Three points with 10, 8 and 6 J expected whatever their seconds."""
    latency = np.log(np.array(latency_s))
    return Outlook(
        points=POINTS,
        measured=frozenset(),
        log_latency=latency,
        latency_deviation=np.array(latency_deviation),
        log_power=np.log([10.0, 8.0, 6.0]) - latency,
        power_deviation=np.array(power_deviation),
    )


@settings(max_examples=20, deadline=None)
@given(
    deviations=st.lists(st.floats(0.02, 0.3), min_size=3, max_size=3),
    slow=st.floats(1.05, 2.0),
    seed=st.integers(0, 1000),
)
def test_regret_is_the_mean_over_draws(deviations: list[float], slow: float, seed: int) -> None:
    """The closed form equals the mean of what drawn worlds lose, for the rival that loses most."""
    seen = expected([0.5, 0.9, slow], [0.01, 0.01, 0.2], deviations)
    (stake,) = stakes(seen, (1.0,))
    assert stake.choice == 1
    rng = np.random.default_rng(seed)
    energy = seen.log_energy + seen.energy_deviation * rng.standard_normal((_DRAWS, 3))
    in_time = seen.log_latency + seen.latency_deviation * rng.standard_normal((_DRAWS, 3)) <= 0.0
    gain, rivals = np.maximum(energy[:, [1]] - energy, 0.0)[:, [0, 2]], in_time[:, [0, 2]]
    lost = gain.mean(axis=0) * rivals.mean(axis=0)
    # A rival that is in time once in a hundred draws is counted to some per cent.
    error = np.hypot(gain.std(axis=0) * rivals.mean(axis=0), gain.mean(axis=0) * rivals.std(axis=0)) / _DRAWS**0.5
    assert stake.energy_regret == pytest.approx(lost.max(), abs=1e-5 + 5.0 * error.max())


def test_lateness_is_the_chance_to_exceed_the_deadline() -> None:
    """A choice a per cent over the deadline is late in one case of two: that per cent is forgiven."""
    (stake,) = stakes(expected([0.5, 1.0, 2.0], [1e-3, 0.01, 1e-3], [1e-3] * 3), (1.0,))
    assert stake.choice == 1
    assert stake.late_probability == pytest.approx(0.16, abs=0.01)


def test_what_is_known_is_not_at_stake() -> None:
    """With choice and rival known there is nothing left to lose; knowing another point changes nothing."""
    seen = expected([0.5, 0.9, 3.0], [1e-3, 0.1, 1e-3], [0.2, 0.3, 1e-3])
    (before,) = stakes(seen, (1.0,))
    (after,) = stakes(seen.knowing(0).knowing(1), (1.0,))
    assert (before.choice, before.rival) == (1, 0)
    assert before.cost > 0.05
    assert after.cost < 1e-6
    assert seen.knowing(0).measured == {0}
    assert stakes(seen.knowing(2), (1.0,)) == (before,)


def test_no_point_in_time_takes_the_fastest() -> None:
    """A deadline out of reach is decided for the least seconds, and late for sure."""
    (stake,) = stakes(expected([0.5, 0.9, 3.0], [0.01] * 3, [0.01] * 3), (0.1,))
    assert stake.choice == 0
    assert stake.late_probability == pytest.approx(1.0)
