"""The final shares of the uplink: firm ones where they fit, and what is left for those who can use it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulecut_planner.choices.constraints import limit
from joulecut_planner.choices.grids import Array
from joulecut_planner.fleet.shares import fill, spread

_STEADY = 1e-6
"""Relative to the radios' power: what keeping shares as they were may cost, so that most plans stay as they are."""

_SOMETHING = 1e-12
"""Relative to the largest share: what an edge gets that sends no bytes, since a share is above 0."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the offloading edges ask for; arrays of shape (edges,).

    `firm_bps` keeps the bounds of an edge without their tolerance, `least_bps` with it. `former_bps` is the
    share that an edge had with the same choice before, 0 where there is none.
    """

    radio_w_bps: Array
    least_bps: Array
    firm_bps: Array
    most_bps: Array
    former_bps: Array


def allot(claims: Claims, uplink_bps: float | None) -> Array:
    """Shares in bits per second that cost the radios least, within `uplink_bps` (None: no limit)."""
    if uplink_bps is None:
        return claims.most_bps
    floor_bps = np.maximum(claims.firm_bps, _SOMETHING * claims.most_bps)
    if float(floor_bps.sum()) > uplink_bps:
        floor_bps = np.maximum(claims.least_bps, _SOMETHING * claims.most_bps)
        uplink_bps = max(uplink_bps, min(float(floor_bps.sum()), limit(uplink_bps)))
    best_bps = fill(claims.radio_w_bps, floor_bps, claims.most_bps, uplink_bps).share_bps
    steady_bps = _steady(claims, floor_bps, uplink_bps)
    radio_w = _radio_w(claims, best_bps)
    if steady_bps is not None and _radio_w(claims, steady_bps) <= radio_w * (1.0 + _STEADY):
        return steady_bps
    return spread(best_bps, claims.most_bps, claims.radio_w_bps == 0.0, uplink_bps)


def _steady(claims: Claims, floor_bps: Array, uplink_bps: float) -> Array | None:
    """Former shares kept, the rest filled into what is left; None where that does not fit."""
    kept = (claims.former_bps >= floor_bps) & (claims.former_bps <= claims.most_bps) & (claims.former_bps > 0.0)
    left_bps = uplink_bps - float(claims.former_bps[kept].sum())
    new = ~kept
    if not kept.any() or float(floor_bps[new].sum()) > left_bps:
        return None
    share_bps: Array = claims.former_bps.copy()
    radio_w_bps, most_bps = claims.radio_w_bps[new], claims.most_bps[new]
    filled_bps = fill(radio_w_bps, floor_bps[new], most_bps, left_bps).share_bps
    share_bps[new] = spread(filled_bps, most_bps, radio_w_bps == 0.0, left_bps)
    return share_bps


def _radio_w(claims: Claims, share_bps: NDArray[np.float64]) -> float:
    return float((claims.radio_w_bps / share_bps).sum())
