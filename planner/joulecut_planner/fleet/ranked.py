"""The offers of each edge by rising need, and which edges are alike: how a menu is split without trying twins twice.

Edges with the same offers may trade places in any plan. So only plans count in which, of edges alike, an earlier
one never takes an offer of higher rank than a later one: what one of them may not take, those behind it (or
before it) may not either. Ranks are fixed for a server point, as the order has to be the same in the whole search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.grids import Indices
from joulecut_planner.fleet.menu import Budget, Menu


@dataclass(frozen=True, slots=True)
class Ranked:
    """Of one server point's whole menu: ranks of the offers within their edges, and the kind of each edge.

    `rank` is flat as the menu is, `start` and `source` are the menu's own; edges of one kind are alike.
    """

    start: Indices
    source: Indices
    rank: Indices
    kind: Indices

    @classmethod
    def of(cls, menu: Menu, budget: Budget) -> Ranked:
        """Ranks by what an offer needs at least of uplink and server time; `menu` has to be whole."""
        need = menu.least_bps / budget.uplink_bps + menu.load / (budget.load or 1.0)
        order = np.lexsort((need, menu.owner))
        rank = np.empty_like(order)
        rank[order] = np.arange(order.size) - menu.start[menu.owner]
        columns = np.stack((menu.power_w, menu.radio_w_bps, menu.least_bps, menu.most_bps, menu.load), axis=1)
        kinds: dict[bytes, int] = {}
        kind = [
            kinds.setdefault(columns[first:last].tobytes(), len(kinds))
            for first, last in zip(menu.start[:-1].tolist(), menu.start[1:].tolist(), strict=True)
        ]
        return cls(menu.start, menu.source, rank, np.array(kind, dtype=np.int64))

    def rank_of(self, menu: Menu) -> Indices:
        """The rank of each offer left in a part of the whole menu."""
        first = self.start[menu.owner]
        rank: Indices = self.rank[first + menu.source - self.source[first]]
        return rank

    def halves(
        self, menu: Menu, rank: Indices, kept: NDArray[np.bool_], edge: int, most: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The offers left if an edge takes one up to rank `most`, and if it takes a higher one.

        Of edges like `edge` the middle one that may still do either is asked. A half may leave an edge nothing.
        """
        is_low = rank <= most
        able_low = np.logical_or.reduceat(kept & is_low, menu.start[:-1])
        able_high = np.logical_or.reduceat(kept & ~is_low, menu.start[:-1])
        twins = np.flatnonzero((self.kind == self.kind[edge]) & able_low & able_high)
        middle = twins[twins.size // 2] if twins.size else edge
        is_twin = self.kind[menu.owner] == self.kind[edge]
        return (
            kept & ~(is_twin & (menu.owner <= middle) & ~is_low),
            kept & ~(is_twin & (menu.owner >= middle) & is_low),
        )
