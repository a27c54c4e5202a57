"""The bounds' terms that tables and service level settle alone, kept from one plan to the next.

They are found made where the link, the deadline or the wires change. All arrays are read-only, and
have a row for each row of the side grids.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from joulecut_core.identity import Same
from joulecut_planner.choices.grids import Array, SideGrid, read_only

_KEPT = 16
"""Sets of arrays kept: those of a handful of problems under planning at once, some hundred kilobytes each."""

_SHARES = 16
"""How finely the spread of the link turns the direction of the bounds; any direction gives bounds that hold."""


@dataclass(frozen=True, slots=True)
class SpreadTerms:
    """T_q is at least edge_s + server_s + link_u * (the link's spread) + what lies between the parts."""

    edge_s: Array
    server_s: Array
    link_u: Array
    """Shape (rows,)."""


def period_j(side: SideGrid, idle_w: Array, *, weight: float, idle_weight: float, period_s: float) -> Array:
    """Weighted joules of a part and of idling for the rest of the period; of the side's shape (rows, points)."""
    return _period_j(Same(side), Same(idle_w), weight, idle_weight, period_s)


def spread_terms(edge: SideGrid, server: SideGrid, factor: float, link_std_s: float) -> SpreadTerms:
    """T_q apart, for a margin of `factor` standard deviations and a link whose spread is about `link_std_s`."""
    mantissa, exponent = math.frexp(link_std_s)
    about_s = math.ldexp(round(mantissa * _SHARES) / _SHARES, exponent)
    return _spread_terms(Same(edge), Same(server), factor, about_s)


@lru_cache(maxsize=_KEPT)
def _period_j(side: Same[SideGrid], idle_w: Same[Array], weight: float, idle_weight: float, period_s: float) -> Array:
    watts = idle_weight * idle_w.value
    with np.errstate(over="ignore", invalid="ignore"):
        energy_j = weight * side.value.busy_j
        energy_j -= watts * side.value.time_s
        energy_j += watts * period_s
    return read_only(energy_j)


@lru_cache(maxsize=_KEPT)
def _spread_terms(edge: Same[SideGrid], server: Same[SideGrid], factor: float, link_std_s: float) -> SpreadTerms:
    least_edge_s, least_server_s = edge.value.least_std_s, server.value.least_std_s
    with np.errstate(over="ignore", invalid="ignore"):
        length_s = np.sqrt(least_edge_s * least_edge_s + least_server_s * least_server_s + link_std_s * link_std_s)
        length_s[~((length_s > 0.0) & (length_s < np.inf))] = np.inf
        scale = factor / length_s
        edge_s, server_s = (
            side.std_s * (scale * side.least_std_s)[:, None] + side.time_s for side in (edge.value, server.value)
        )
    return SpreadTerms(edge_s=read_only(edge_s), server_s=read_only(server_s), link_u=read_only(scale * link_std_s))
