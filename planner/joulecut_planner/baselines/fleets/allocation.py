"""Clocks and shares of the uplink for edges whose partitions are settled: the convex half of Robust partitioning.

    minimise    sum power . mix + radio / share + penalty * late
    subject to  time . mix + bits / share + rest + z * || std . mix, other spread || <= deadline * (1 + late),
                mix >= 0,  sum mix = 1,  share <= most,  sum share <= uplink,  late >= 0

for each edge, `mix` being its clock as a mixture of its operating points: linear between two of them, and
convex whatever the tables are. 1 / share is a cone of three dimensions, the standard deviation another one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from joulecut_core.errors import PlanError
from joulecut_planner.baselines.fleets.device_tables import DeviceTables
from joulecut_planner.choices.grids import Array, Indices

if TYPE_CHECKING:
    import cvxpy as cp

_CAREFUL = 1e-6
"""Relative: by how much deadlines and uplink are kept back, so that a solver's tolerance never costs them."""

_PENALTY = 1e3
"""What lateness by the whole deadline costs, in times of the largest power: more than any deadline is worth."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Of each edge the clock, as a mixture of its operating points, and its share of the uplink in bits per second."""

    mixes: tuple[Array, ...]
    shares_bps: Array


def allocated(devices: Sequence[DeviceTables], partitions: Sequence[int], uplink_bps: float | None) -> Resources | None:
    """The best clocks and shares for these partitions; None where the cone solver finds none.

    Who sends nothing has no share. Where deadlines cannot all be kept, they are missed by as little as can be.
    Raises PlanError where cvxpy is not installed.
    """
    try:
        import cvxpy as cp  # noqa: PLC0415 - takes a second to import
    except ImportError as error:
        raise PlanError("robust needs cvxpy, which is not installed; install joulecut[fleet]") from error

    rows = _Rows.of(devices, partitions)
    edges, senders = len(devices), rows.sends.size
    scale_w = float(rows.power_w.max()) or 1.0
    unit_bps = float(rows.most_bps.mean()) if senders else 1.0
    mix, late = cp.Variable(rows.owner.size, nonneg=True), cp.Variable(edges, nonneg=True)
    cost = cp.Constant(rows.power_w / scale_w) @ mix + cp.Constant(np.full(edges, _PENALTY)) @ late
    rules: list[cp.Constraint] = [rows.per_edge(np.ones(rows.owner.size)) @ mix == 1.0]
    bound_s = rows.per_edge(rows.time_s) @ mix + rows.rest_s
    share = cp.Variable(max(senders, 1), nonneg=True)
    if senders:
        inverse, legs = cp.Variable(senders, nonneg=True), cp.Variable((2, senders))
        cost = cost + cp.Constant(rows.radio_w_bps / unit_bps / scale_w) @ inverse
        bound_s = bound_s + rows.among_all(rows.bits / unit_bps) @ inverse
        # 1 <= inverse * share, as a cone of three dimensions for each edge.
        rules += [legs[0] == 2.0, legs[1] == inverse - share, cp.SOC(inverse + share, legs, axis=0)]
        rules.append(share <= rows.most_bps / unit_bps)
        if uplink_bps is not None:
            rules.append(cp.Constant(np.ones(senders)) @ share <= uplink_bps / unit_bps * (1.0 - _CAREFUL))
    if rows.timed.size:
        spread, parts = cp.Variable(edges, nonneg=True), cp.Variable((2, edges))
        rules += [parts[0] == rows.per_edge(rows.std_s) @ mix, parts[1] == rows.other_std_s]
        rules.append(cp.SOC(spread, parts, axis=0))
        bound_s = bound_s + rows.diagonal(rows.z) @ spread
        rules.append(rows.in_deadlines() @ bound_s <= 1.0 - _CAREFUL + late[rows.timed])
    problem = cp.Problem(cp.Minimize(cost), rules)
    try:
        with warnings.catch_warnings():
            # All that follows from it is priced anew, by the fleet's own formulas.
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            cast("Callable[..., float]", problem.solve)(solver=cp.CLARABEL)
    except cp.SolverError:
        return None
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        return None
    shares_bps = np.zeros(edges)
    if senders:
        shares_bps[rows.sends] = np.clip(cast("Array", share.value) * unit_bps, 0.0, rows.most_bps)
    return Resources(rows.mixes(cast("Array", mix.value)), shares_bps)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the programme knows of the chosen partitions.

    `owner`, `power_w`, `time_s` and `std_s`: flat over the edges' operating points. `rest_s`, `other_std_s` and
    `z`: of every edge. `bits`, `radio_w_bps` and `most_bps`: of the edges `sends`; `deadline_s`: of `timed`.
    """

    owner: Indices
    power_w: Array
    time_s: Array
    std_s: Array
    rest_s: Array
    other_std_s: Array
    z: Array
    sends: Indices
    bits: Array
    radio_w_bps: Array
    most_bps: Array
    timed: Indices
    deadline_s: Array

    @classmethod
    def of(cls, devices: Sequence[DeviceTables], partitions: Sequence[int]) -> _Rows:
        """The rows of each edge's partition."""
        chosen = list(zip(devices, partitions, strict=True))
        bits = np.array([device.sent_bits[k] for device, k in chosen])
        deadline_s = np.array([device.deadline_s for device in devices])
        sends, timed = np.flatnonzero(bits > 0.0), np.flatnonzero(np.isfinite(deadline_s))
        return cls(
            owner=np.repeat(np.arange(len(chosen)), [device.power_w.shape[1] for device in devices]),
            power_w=np.concatenate([device.power_w[k] for device, k in chosen]),
            time_s=np.concatenate([device.time_s[k] for device, k in chosen]),
            std_s=np.concatenate([device.std_s[k] for device, k in chosen]),
            rest_s=np.array([device.rest_s[k] for device, k in chosen]),
            other_std_s=np.sqrt([device.variance_s2[k] for device, k in chosen]),
            z=np.array([device.z for device in devices]),
            sends=sends,
            bits=bits[sends],
            radio_w_bps=np.array([device.radio_w_bps[k] for device, k in chosen])[sends],
            most_bps=np.array([device.most_bps for device in devices])[sends],
            timed=timed,
            deadline_s=deadline_s[timed],
        )

    def per_edge(self, values: Array) -> cp.Constant:
        """The matrix that takes all mixtures to the mean of `values` of each edge."""
        return _matrix(self.owner, np.arange(self.owner.size), values, self.rest_s.size)

    def among_all(self, values: Array) -> cp.Constant:
        """The matrix that takes what the edges that send have to `values` times it, 0 for the others."""
        return _matrix(self.sends, np.arange(self.sends.size), values, self.rest_s.size)

    def diagonal(self, values: Array) -> cp.Constant:
        """The matrix that scales what each edge has by `values`."""
        return _matrix(np.arange(values.size), np.arange(values.size), values, values.size)

    def in_deadlines(self) -> cp.Constant:
        """The matrix that picks the edges with a deadline, and measures their seconds by it."""
        return _matrix(np.arange(self.timed.size), self.timed, 1.0 / self.deadline_s, self.timed.size, self.rest_s.size)

    def mixes(self, weights: Array) -> tuple[Array, ...]:
        """Each edge's mixture, cleaned of what the solver leaves below 0 and beside 1."""
        positive = np.maximum(weights, 0.0)
        whole = positive / np.bincount(self.owner, positive)[self.owner]
        return tuple(np.split(whole, np.flatnonzero(np.diff(self.owner)) + 1))


def _matrix(row: Indices, column: Indices, values: Array, rows: int, columns: int | None = None) -> cp.Constant:
    import cvxpy as cp  # noqa: PLC0415 - takes a second to import
    from scipy import sparse  # noqa: PLC0415

    shape = (rows, column.size if columns is None else columns)
    return cp.Constant(sparse.csr_matrix((values, (row, column)), shape=shape))
