"""The convex relaxation at one server point, as a cone program for cvxpy: the oracle of `prices`.

    minimise    sum power * y + radio * y^2 / x
    subject to  sum of y over an edge's offers = 1,   least * y <= x <= most * y,
                sum x <= uplink,   sum load * y <= utilisation,   y >= 0

y is how much of an edge takes an offer, x the share that this part of it gets. y^2 / x is the perspective of
1 / x, so the relaxation is as tight as one can be that looks at each edge alone (Ceria and Soares 1999), and its
value is the best Lagrangian bound. Closed forms and a search over two prices find the same many times faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from joulecut_core.errors import PlanError
from joulecut_planner.choices.grids import Array
from joulecut_planner.fleet.menu import Budget, Menu
from joulecut_planner.fleet.worth import Prices


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The relaxation's value in watts and the prices that its dual variables are, to the precision of the solver."""

    power_w: float
    prices: Prices


def relaxed(menu: Menu, budget: Budget) -> Relaxed:
    """The relaxation's optimum. Raises PlanError where the solver finds none."""
    import cvxpy as cp  # noqa: PLC0415 - takes a second to import
    from scipy import sparse  # noqa: PLC0415

    offers = menu.owner.size
    # Shares in units of what there is, so that all numbers are of one size.
    unit_bps = budget.uplink_bps if np.isfinite(budget.uplink_bps) else float(menu.most_bps.max())
    taken, share = cp.Variable(offers, nonneg=True), cp.Variable(offers, nonneg=True)
    of_edge = cp.Constant(sparse.csr_matrix((np.ones(offers), (menu.owner, np.arange(offers)))))
    limits = [
        cp.Constant(np.ones(offers)) @ share
        <= (budget.uplink_bps / unit_bps if np.isfinite(budget.uplink_bps) else offers),
        cp.Constant(menu.load) @ taken <= budget.load,
    ]
    rules = [
        of_edge @ taken == 1.0,
        cp.Constant(sparse.diags(menu.least_bps / unit_bps)) @ taken <= share,
        share <= cp.Constant(sparse.diags(menu.most_bps / unit_bps)) @ taken,
    ]
    power = cp.Constant(menu.power_w) @ taken
    sends = np.flatnonzero(menu.radio_w_bps > 0.0)
    if sends.size:
        # taken^2 <= inverse * share, as a cone of three dimensions for each offer.
        inverse, legs = cp.Variable(sends.size, nonneg=True), cp.Variable((2, sends.size))
        rules += [legs[0] == 2.0 * taken[sends], legs[1] == inverse - share[sends]]
        rules.append(cp.SOC(inverse + share[sends], legs, axis=0))
        power = power + cp.Constant(menu.radio_w_bps[sends] / unit_bps) @ inverse
    problem = cp.Problem(cp.Minimize(power), [*limits, *rules])
    solve = cast("Callable[..., float]", problem.solve)
    power_w = solve(solver=cp.CLARABEL)
    if problem.status != cp.OPTIMAL:
        raise PlanError(f"relaxation at server point {menu.server_point}: {problem.status}; expected an optimum")
    uplink_w, load_w = (float(cast("Array", limit.dual_value)) for limit in limits)
    return Relaxed(
        menu.idle_w + power_w, Prices(uplink_w / unit_bps if np.isfinite(budget.uplink_bps) else 0.0, load_w)
    )
