"""Any prices bound from below; the best ones agree with a linear program that is written down directly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from joulecut_core.pools import Pool
from joulecut_planner.choices.constraints import limit
from joulecut_planner.pool.columns import Columns, EdgeOffers, States, columns_of
from joulecut_planner.pool.cutting_planes import best_prices
from joulecut_planner.pool.edge_offers import OfferBook, never
from joulecut_planner.pool.pricing import Groups, Prices, valued
from joulecut_planner.pool.server_classes import ServerClass, classes_of
from tests.planner.pool.drawn_pools import drawn_pool
from tests.planner.pool.pool_oracle import best
from tests.planner.pool.pool_strategies import pools
from tests.thoroughness import examples


def parts(pool: Pool) -> tuple[Columns, States, Groups, np.ndarray, list[ServerClass]]:
    """What a search starts from; every edge can be served."""
    classes = classes_of(pool)
    states = States.of(classes)
    number = {uplink.name: place for place, uplink in enumerate(pool.uplinks)}
    menus = OfferBook().menus(pool, classes, never)
    columns = columns_of(
        [
            EdgeOffers(
                len(number) if edge.uplink is None else number[edge.uplink],
                None if menu.home is None else menu.home.offers,
                [(group, known.offers) for group, known in menu.remote],
            )
            for edge, menu in zip(pool.edges, menus, strict=True)
        ],
        states,
    )
    groups = Groups(
        group=np.arange(len(classes)),
        open=states.group[None, :] == np.arange(len(classes))[:, None],
        empty_w=np.array([one.empty_w for one in classes]),
        count=np.array([len(one.servers) for one in classes], dtype=np.int64),
    )
    return columns, states, groups, np.array([limit(uplink.uplink_bps) for uplink in pool.uplinks]), classes


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(pool=pools(), data=st.data())
def test_any_prices_bound_from_below(pool: Pool, data: st.DataObject) -> None:
    """Whatever the prices, no feasible plan of the pool draws less."""
    least = best(pool, 0.0)
    if least.rejected:
        return
    columns, states, groups, uplink_bps, _ = parts(pool)
    prices = Prices(
        np.array([data.draw(st.floats(0.0, 1e-4)) for _ in uplink_bps]),
        np.array([data.draw(st.floats(-500.0, 50.0)) for _ in groups.count]),
    )
    assert valued(columns, states, groups, uplink_bps, prices).bound_w <= least.power_w + 1e-9


def test_time_that_is_over_ends_it_with_a_bound_that_holds() -> None:
    """One look at the first prices is a bound as well, if a lower one."""
    columns, states, groups, uplink_bps, _ = parts(drawn_pool(0, 8, 3, cuts=5, edge_points=3, server_points=3))

    def bound_w(is_over: Callable[[], bool]) -> float:
        priced = best_prices(
            columns, states, groups, uplink_bps, None, ceiling_w=math.inf, tolerance=1e-9, is_over=is_over
        )
        assert is_over is never or priced.steps == 1
        return priced.bound_w

    assert bound_w(lambda: True) < bound_w(never)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_prices_are_the_relaxations(seed: int) -> None:
    """Without radios the relaxation is a linear program over columns and whole servers: its value is the best bound."""
    pool = drawn_pool(seed, 8, 3, cuts=5, edge_points=3, server_points=3, radio=False, wanted=4.0)
    pool = replace(pool, servers=tuple(replace(server, server_utilisation=0.08) for server in pool.servers))
    columns, states, groups, uplink_bps, _ = parts(pool)
    priced = best_prices(columns, states, groups, uplink_bps, None, ceiling_w=math.inf, tolerance=1e-9, is_over=never)
    offers, used = columns.owner.size, np.arange(1, states.count)
    # A column is taken in part, a server is in a state in part; an empty part costs empty_w.
    idle_w = states.idle_w[used] - groups.empty_w[states.group[used]]
    cost = np.concatenate((columns.power_w, idle_w))
    of_edge = np.concatenate(
        (columns.owner[None, :] == np.arange(columns.edges)[:, None], np.zeros((columns.edges, used.size))), axis=1
    )
    time = np.concatenate(
        (
            np.where(columns.state[None, :] == used[:, None], columns.load[None, :], 0.0),
            -np.diag(states.capacity[used]),
        ),
        axis=1,
    )
    servers = np.concatenate(
        (np.zeros((groups.count.size, offers)), groups.group[:, None] == states.group[used][None, :]), axis=1
    )
    sends = np.concatenate((columns.least_bps / uplink_bps[0], np.zeros(used.size)))[None, :]
    solved = linprog(
        cost,
        A_ub=np.concatenate((time, servers, sends)),
        b_ub=np.concatenate((np.zeros(used.size), groups.count, [1.0])),
        A_eq=of_edge,
        b_eq=np.ones(columns.edges),
    )
    assert solved.status == 0
    relaxed_w = float(solved.fun or 0.0) + float((groups.count * groups.empty_w).sum())
    assert priced.bound_w == pytest.approx(relaxed_w, rel=1e-6)
