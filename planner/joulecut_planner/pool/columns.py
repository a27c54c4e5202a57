"""All edges' offers on all classes of servers at all their points, side by side, and what they are worth at prices.

A *state* is a class of servers at an operating point; state 0 is none: what stays on the edge. A column is one offer
of one edge in one state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array, Indices
from joulecut_planner.fleet.offers import LOCAL, Offers
from joulecut_planner.fleet.worth import TINY_BPS
from joulecut_planner.pool.server_classes import ServerClass

HOME = 0
"""The state of a column that uses no server."""


@dataclass(frozen=True, slots=True)
class States:
    """What is known of each state; arrays of shape (states,), of which entry 0 is HOME.

    `group` is the class of a state (-1 for HOME), `point` its operating point, `capacity` the share of time that one
    server has, tolerance included. `first` is each class's first state.
    """

    group: Indices
    point: Indices
    idle_w: Array
    capacity: Array
    first: Indices

    @classmethod
    def of(cls, classes: Sequence[ServerClass]) -> States:
        """The states of some classes, in their order."""
        counts = [one.idle_w.size if one.may_serve else 0 for one in classes]
        serving = [one.idle_w for one in classes if one.may_serve]
        return cls(
            group=np.concatenate(([-1], np.repeat(np.arange(len(classes)), counts))).astype(np.int64),
            point=np.concatenate([[-1], *(np.arange(count) for count in counts)]).astype(np.int64),
            idle_w=np.concatenate([[0.0], *serving]),
            capacity=np.concatenate(
                [
                    [np.inf],
                    *(
                        np.full(count, limit(one.bounds.server_utilisation))
                        for count, one in zip(counts, classes, strict=True)
                    ),
                ]
            ),
            first=np.concatenate(([1], 1 + np.cumsum(counts)))[:-1].astype(np.int64),
        )

    @property
    def count(self) -> int:
        """How many there are, HOME included."""
        return self.group.size


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of all edges, flat: those of edge n are start[n] to start[n + 1]; `owner` is the n of each.

    `source` numbers the offer within its `Offers`, those of `menu[n][group]`. `uplink` is the shared uplink of each
    edge, one past the last where it shares none.
    """

    start: Indices
    owner: Indices
    state: Indices
    power_w: Array
    radio_w_bps: Array
    least_bps: Array
    most_bps: Array
    load: Array
    source: Indices
    uplink: Indices

    @property
    def edges(self) -> int:
        """How many edges choose."""
        return self.start.size - 1

    def only(self, kept: NDArray[np.bool_]) -> Columns | None:
        """The columns that are kept; None where an edge would have none."""
        counts = np.add.reduceat(kept.astype(np.int64), self.start[:-1])
        if not counts.all():
            return None
        return Columns(
            start=np.concatenate(([0], np.cumsum(counts))),
            owner=self.owner[kept],
            state=self.state[kept],
            power_w=self.power_w[kept],
            radio_w_bps=self.radio_w_bps[kept],
            least_bps=self.least_bps[kept],
            most_bps=self.most_bps[kept],
            load=self.load[kept],
            source=self.source[kept],
            uplink=self.uplink,
        )

    def first_least(self, worth_w: Array, least_w: Array) -> Indices:
        """For each edge the first of its columns that are worth the least."""
        best = np.flatnonzero(worth_w <= least_w[self.owner])
        owner = self.owner[best]
        first = np.ones(best.size, dtype=np.bool_)
        np.not_equal(owner[1:], owner[:-1], out=first[1:])
        return best[first]

    def worst_w(self) -> float:
        """More than all edges together can draw, servers apart."""
        dearest_w = self.power_w + self.radio_w_bps / np.maximum(self.least_bps, TINY_BPS)
        return float(np.maximum.reduceat(dearest_w, self.start[:-1]).sum())


@dataclass(frozen=True, slots=True)
class EdgeOffers:
    """One edge's offers: `home` are those of which the best that stays on the edge is taken, or None."""

    uplink: int
    home: Offers | None
    remote: Sequence[tuple[int, Offers]]
    """With the class that each is on."""


def columns_of(edges: Sequence[EdgeOffers], states: States) -> Columns:
    """All columns, edge by edge; each edge has one at least."""
    counts, most_bps, states_of, sources = [], [], [], []
    parts: dict[str, list[Array]] = {"power_w": [], "radio_w_bps": [], "least_bps": [], "load": []}
    for edge in edges:
        count = 0
        if edge.home is not None:
            place = int(np.flatnonzero(edge.home.code == LOCAL)[0])
            for name, values in parts.items():
                values.append(np.array([getattr(edge.home, name)[place]]))
            states_of.append(np.zeros(1, dtype=np.int64))
            sources.append(np.array([place]))
            most_bps.append(np.zeros(1))
            count += 1
        for group, one in edge.remote:
            away = np.flatnonzero(one.code != LOCAL)
            for name, values in parts.items():
                values.append(getattr(one, name)[away])
            point = np.searchsorted(one.start, away, side="right") - 1
            states_of.append(point + states.first[group])
            sources.append(away)
            most_bps.append(np.full(away.size, one.most_bps))
            count += away.size
        counts.append(count)
    return Columns(
        start=np.concatenate(([0], np.cumsum(counts))),
        owner=np.repeat(np.arange(len(edges)), counts),
        state=np.concatenate(states_of),
        power_w=np.concatenate(parts["power_w"]),
        radio_w_bps=np.concatenate(parts["radio_w_bps"]),
        least_bps=np.concatenate(parts["least_bps"]),
        most_bps=np.concatenate(most_bps),
        load=np.concatenate(parts["load"]),
        source=np.concatenate(sources),
        uplink=np.array([edge.uplink for edge in edges], dtype=np.int64),
    )
