"""What the shared things of a fleet cost, by name: the prices under which the lower bound is the highest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joulecut_planner.fleet.worth import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """Prices of uplinks, W per bit/s, and of the whole of a server's time at the clock that the plan gives it, W.

    They are those of the first relaxation, before any branching: a hint at what a little more would save, exact where
    the relaxation's bound is. Servers without edges have none.
    """

    uplink_w_bps: Mapping[str, float]
    server_time_w: Mapping[str, float]


def of_one_server(prices: Prices) -> PriceList:
    """The prices of a fleet of version 1, under the names that `pool_of` gives its uplink and its server."""
    return PriceList(uplink_w_bps={"uplink": prices.uplink_w_bps}, server_time_w={"server": prices.load_w})
