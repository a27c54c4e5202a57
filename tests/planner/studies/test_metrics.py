"""What a setting costs, in each metric."""

from __future__ import annotations

import pytest

from joulecut_planner.studies import SettingCost


def test_a_batch_shares_its_joules_but_not_its_wait() -> None:
    """Eight images in 20 ms and 2 J: a quarter of a joule each, and each waits all of the 20 ms."""
    cost = SettingCost(batch=8, latency_s=0.02, energy_j=2.0)
    assert cost.image_energy_j == pytest.approx(0.25)
    assert cost.images_per_joule == pytest.approx(4.0)
    assert cost.images_per_s == pytest.approx(400.0)
    assert cost.edp == pytest.approx(0.005)
    assert cost.ed2p == pytest.approx(0.0001)


def test_twice_the_batch_at_twice_the_time_and_joules_gains_nothing_and_answers_later() -> None:
    """Images per joule stay, EDP doubles, ED2P quadruples: lateness is charged."""
    one, two = SettingCost(batch=1, latency_s=0.01, energy_j=1.0), SettingCost(batch=2, latency_s=0.02, energy_j=2.0)
    assert one.images_per_joule == two.images_per_joule
    assert one.edp is not None
    assert two.edp == pytest.approx(2 * one.edp)
    assert one.ed2p is not None
    assert two.ed2p == pytest.approx(4 * one.ed2p)


def test_without_joules_only_time_is_known() -> None:
    """A device without a meter still has a latency and a throughput, and nothing is made up for the rest."""
    cost = SettingCost(batch=2, latency_s=0.5, energy_j=None)
    assert cost.images_per_s == 4.0
    assert [cost.image_energy_j, cost.images_per_joule, cost.edp, cost.ed2p] == [None] * 4


@pytest.mark.parametrize(("batch", "latency_s", "energy_j"), [(0, 1.0, 1.0), (1, 0.0, 1.0), (1, 1.0, float("nan"))])
def test_impossible_costs_are_refused(batch: int, latency_s: float, energy_j: float) -> None:
    """A zero or unknown number would become an infinite gain further on."""
    with pytest.raises(ValueError, match="expected a batch of at least 1"):
        SettingCost(batch=batch, latency_s=latency_s, energy_j=energy_j)
