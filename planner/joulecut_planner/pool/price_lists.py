"""The prices of a pool's plan by the names of its uplinks and servers."""

from __future__ import annotations

from collections.abc import Sequence

from joulecut_core.pools import Pool
from joulecut_planner.fleet.price_list import PriceList
from joulecut_planner.pool.answers import Served
from joulecut_planner.pool.columns import States
from joulecut_planner.pool.pricing import Groups, Prices, time_prices_w
from joulecut_planner.pool.server_classes import ServerClass


def price_list(
    pool: Pool,
    classes: Sequence[ServerClass],
    groups: Groups,
    states: States,
    served: Sequence[Served],
    prices: Prices,
) -> PriceList:
    """`prices` of `classes`, which `groups` and `states` are of; a server's time at the point that its edges share."""
    _, time_w = time_prices_w(groups, states, prices.value_w)
    point = {one.plan.server: one.point for one in served}
    return PriceList(
        uplink_w_bps={one.name: price for one, price in zip(pool.uplinks, prices.uplink_w_bps.tolist(), strict=True)},
        server_time_w={
            name: float(time_w[states.first[number] + point[name]])
            for number, one in enumerate(classes)
            for name in (pool.servers[server].name for server in one.servers)
            if name in point
        },
    )
