"""Shares of the uplink: the closed form is the convex optimum, and nobody gets less or more than he may."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from joulecut_planner.fleet.allotment import Claims, allot
from joulecut_planner.fleet.shares import fill, spread
from tests.thoroughness import examples

Claim = tuple[float, float, float]

CLAIMS: st.SearchStrategy[list[Claim]] = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 7.0, 1e4]), st.floats(0.0, 5.0), st.floats(0.0, 50.0)), min_size=1, max_size=6
)


def arrays(claims: list[Claim]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radio, least and most of some claims; a radio that sends has a least share."""
    radio = np.array([claim[0] for claim in claims])
    least = np.array([claim[1] + (0.01 if claim[0] else 0.0) for claim in claims])
    return radio, least, least + np.array([claim[2] for claim in claims])


def radio_w(radio: np.ndarray, share: np.ndarray) -> float:
    """What the radios draw at some shares."""
    sends = radio > 0.0
    return float((radio[sends] / share[sends]).sum())


@settings(max_examples=examples(200), deadline=None)
@given(claims=CLAIMS, room=st.floats(0.0, 1.0), seed=st.integers(0, 1000))
def test_no_other_shares_cost_less(claims: list[Claim], room: float, seed: int) -> None:
    """Against many random feasible shares, and against moves of a little from anyone to anyone."""
    radio, least, most = arrays(claims)
    capacity = float(least.sum() + room * (most - least).sum())
    filled = fill(radio, least, most, capacity)
    assert (filled.share_bps >= least).all()
    assert (filled.share_bps <= most).all()
    assert filled.share_bps.sum() <= capacity * (1 + 1e-12)
    cost = radio_w(radio, filled.share_bps)
    rng = np.random.default_rng(seed)
    for _ in range(30):
        other = least + rng.random(len(radio)) * (most - least)
        over = other.sum() - capacity
        if over > 0.0:
            other = least + (other - least) * (capacity - least.sum()) / (other - least).sum()
        assert cost <= radio_w(radio, np.maximum(other, least)) * (1 + 1e-9)
    step = 1e-3
    for giver in range(len(radio)):
        for taker in range(len(radio)):
            moved = filled.share_bps.copy()
            moved[giver] -= step
            moved[taker] += step
            if giver != taker and moved[giver] >= least[giver] and moved[taker] <= most[taker]:
                assert cost <= radio_w(radio, moved) * (1 + 1e-12)


@settings(max_examples=examples(100), deadline=None)
@given(claims=CLAIMS, room=st.floats(0.05, 0.95))
def test_the_price_is_what_more_uplink_saves(claims: list[Claim], room: float) -> None:
    """The price is the slope of the cost in the capacity, between the slopes on both sides where it bends."""
    radio, least, most = arrays(claims)
    capacity = float(least.sum() + room * (most - least).sum())
    step = 1e-4 * float((most - least).sum())
    costs = [radio_w(radio, fill(radio, least, most, capacity + side * step).share_bps) for side in (-1.0, 0.0, 1.0)]
    price = fill(radio, least, most, capacity).price_w_bps
    slack = 1e-9 * (1.0 + costs[0])
    assert costs[1] - costs[2] <= price * step + slack
    assert (price == 0.0) or price * step <= costs[0] - costs[1] + slack


@settings(max_examples=examples(100), deadline=None)
@given(claims=CLAIMS, room=st.floats(0.0, 2.0))
def test_spreading_raises_the_smallest_first(claims: list[Claim], room: float) -> None:
    """What is left goes to the lucky only, up to their most, and whoever got more than another started there."""
    radio, least, most = arrays(claims)
    lucky = radio == 0.0
    capacity = float(least.sum() + room * (most - least).sum())
    spent = spread(least, most, lucky, capacity)
    assert (spent[~lucky] == least[~lucky]).all()
    assert (spent >= least).all()
    assert (spent <= most).all()
    assert spent.sum() <= capacity * (1 + 1e-12)
    if lucky.any():
        everything = float((most - least)[lucky].sum())
        given_bps = float((spent - least).sum())
        assert np.isclose(given_bps, min(everything, capacity - float(least.sum())), atol=1e-9)
        level = spent[lucky & (spent < most * (1 - 1e-12))]
        raised = spent[lucky & (spent > least * (1 + 1e-12) + 1e-12)]
        if level.size and raised.size:
            assert raised.max() <= level.min() * (1 + 1e-9) + 1e-9


def test_former_shares_stay_while_they_are_as_good() -> None:
    """A newcomer gets what is free; the others keep their shares to the last bit."""
    ones = np.ones(3)
    claims = Claims(0.0 * ones, ones, ones, 10.0 * ones, np.array([3.0, 4.0, 0.0]))
    assert allot(claims, 12.0).tolist() == [3.0, 4.0, 5.0]


def test_former_shares_give_way_where_room_is_short() -> None:
    """A newcomer whose least does not fit beside the others' former shares makes them move."""
    ones = np.ones(3)
    claims = Claims(0.0 * ones, 2.0 * ones, 2.0 * ones, 10.0 * ones, np.array([5.0, 5.0, 0.0]))
    assert allot(claims, 9.0).tolist() == [3.0, 3.0, 3.0]


def test_an_edge_without_bytes_has_a_share() -> None:
    """A share is above 0 even where nothing is sent and nothing is left, since times are bytes divided by it."""
    claims = Claims(np.zeros(2), np.array([5.0, 0.0]), np.array([5.0, 0.0]), np.full(2, 9.0), np.zeros(2))
    shares = allot(claims, 5.0)
    assert shares[1] > 0.0
    assert shares.sum() <= 5.0 * (1 + 1e-9)
